// Who may talk to a node, and where its keys come from.

import ZGossip
import ZeroMQ

/// What a bound endpoint asks of clients.
public enum ZGossipServerSecurity: Hashable, Sendable {
  /// Nothing: whoever reaches it is let in, and others can listen.
  case none
  /// Encryption by CURVE with these keys; `allowed` are the clients that are let in, nil for all that know the node's
  /// public key.
  case curveServer(CurveKeys, allowed: [CurvePublicKey]? = nil)
}

/// What a connection proves and asks of the server.
public enum ZGossipClientSecurity: Hashable, Sendable {
  /// Nothing.
  case none
  /// Encryption by CURVE: our keys, and the public key that the server must have.
  case curveClient(CurveKeys, server: CurvePublicKey)
}

/// Where keys are kept: certificate files as CZMQ's `zcert` writes them, or the environment.
///
///     metadata
///         name = "web"
///     curve
///         public-key = "..."
///         secret-key = "..."
///
/// The file that others get has no secret.
public struct CurveCertificate: Hashable, Sendable {
  /// Whom it is about.
  public let publicKey: CurvePublicKey
  /// The secret, in the owner's own file.
  public let secret: CurveSecretKey?

  /// Both keys.
  ///
  /// - Throws: `ZGossipNodeError.certificate` when there is no secret, or `ZeroMQError.badKey` when it is not that of
  ///   the public key.
  public var keys: CurveKeys {
    get throws {
      guard let secret else {
        throw ZGossipNodeError.certificate("the certificate has no secret-key: use the owner's own file")
      }
      return try CurveKeys(publicKey: publicKey, secret: secret)
    }
  }

  /// Reads a certificate file.
  ///
  /// - Throws: `ZGossipNodeError` or `ZPLError`.
  public init(file: String) throws {
    try self.init(ZPLDocument(parsing: TextFile(name: file).read()), name: file)
  }

  /// Takes a certificate out of a document.
  ///
  /// - Throws: `ZGossipNodeError.certificate`.
  public init(_ document: ZPLDocument, name: String = "the certificate") throws(ZGossipNodeError) {
    guard let text = document["curve/public-key"] else {
      throw .certificate("\(name) has no curve/public-key: this is no certificate")
    }
    do {
      publicKey = try CurvePublicKey(text)
      secret = try document["curve/secret-key"].map { secret throws(ZeroMQError) in try CurveSecretKey(secret)
      }
    } catch {
      throw .certificate("\(name): \(error)")
    }
  }

  /// Draws new keys and writes them to a new file that only its owner can read.
  ///
  /// - Returns: The public key.
  /// - Throws: `ZGossipNodeError.file` when there is such a file already or none can be made, or
  ///   `ZeroMQError.curveMissing`.
  public static func make(file: String) throws -> CurvePublicKey {
    let keys = try CurveKeys.generate()
    var document = ZPLDocument()
    try document.set("curve/public-key", to: keys.publicKey.text)
    try document.set("curve/secret-key", to: keys.secret.text)
    try TextFile(name: file).write(Array(document.text.utf8), mayReplace: false)
    return keys.publicKey
  }

  /// The keys of `GRAPEVINE_CURVE_SECRET`; nil when it is not set.
  ///
  /// - Throws: `ZGossipNodeError.certificate` when it is no secret key.
  public static func environmentKeys() throws -> CurveKeys? {
    guard let text = environment("GRAPEVINE_CURVE_SECRET") else { return nil }
    do {
      return try CurveKeys(secret: CurveSecretKey(text))
    } catch {
      throw ZGossipNodeError.certificate("GRAPEVINE_CURVE_SECRET: \(error)")
    }
  }

  /// The server's public key in `GRAPEVINE_CURVE_SERVER`; nil when it is not set.
  ///
  /// - Throws: `ZGossipNodeError.certificate` when it is no public key.
  public static func environmentServer() throws -> CurvePublicKey? {
    guard let text = environment("GRAPEVINE_CURVE_SERVER") else { return nil }
    do {
      return try CurvePublicKey(text)
    } catch {
      throw ZGossipNodeError.certificate("GRAPEVINE_CURVE_SERVER: \(error)")
    }
  }
}
