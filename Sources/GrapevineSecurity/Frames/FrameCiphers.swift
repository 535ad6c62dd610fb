// The cipher of frames, with a key in it for each slot of a keyring.
//
// AES-128-OCB (RFC 7253) by OpenSSL, which has it on every processor and uses the instructions that the processor has for
// it; Docs/security.md has the measurements behind the choice. Setting up a key costs more than a small frame, so each
// key has a context for sealing and one for opening, made when the key comes.

import COpenSSL

/// Contexts of the cipher, one for sealing and one for opening with the key of each slot.
struct FrameCiphers: ~Copyable {
  private var sealing = [OpaquePointer?](repeating: nil, count: Keyring.capacity)
  private var opening = [OpaquePointer?](repeating: nil, count: Keyring.capacity)

  init() {}

  deinit {
    // Freeing zeroes the key in them.
    for context in sealing { EVP_CIPHER_CTX_free(context) }
    for context in opening { EVP_CIPHER_CTX_free(context) }
  }

  /// Sets up the key of a slot, 16 bytes.
  ///
  /// - Throws: `memory`.
  mutating func set(_ slot: Int, key: UnsafePointer<UInt8>) throws(SecurityError) {
    clear(slot)
    guard let seal = EVP_CIPHER_CTX_new(), let open = EVP_CIPHER_CTX_new() else {
      throw SecurityError(.memory, "no memory for a cipher: allow the program more")
    }
    (sealing[slot], opening[slot]) = (seal, open)
    guard EVP_EncryptInit_ex(seal, EVP_aes_128_ocb(), nil, key, nil) == 1,
      EVP_DecryptInit_ex(open, EVP_aes_128_ocb(), nil, key, nil) == 1
    else {
      clear(slot)
      throw SecurityError(.library, "OpenSSL has no AES-128-OCB: does its configuration leave it out?")
    }
  }

  /// Forgets the key of a slot.
  mutating func clear(_ slot: Int) {
    EVP_CIPHER_CTX_free(sealing[slot])
    EVP_CIPHER_CTX_free(opening[slot])
    (sealing[slot], opening[slot]) = (nil, nil)
  }

  /// Encrypts, and writes the tag of 16 bytes behind what is encrypted.
  ///
  /// - Parameters:
  ///   - nonce: 12 bytes, used once under this key.
  ///   - associated: What is authenticated besides.
  @inline(__always)
  func seal(
    _ slot: Int, nonce: UnsafePointer<UInt8>, associated: UnsafePointer<UInt8>, _ associatedCount: Int,
    _ payload: UnsafePointer<UInt8>?, _ count: Int, to output: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    guard let context = sealing[slot], let size = CInt(exactly: count) else { return false }
    var written: CInt = 0
    guard EVP_EncryptInit_ex(context, nil, nil, nil, nonce) == 1,
      EVP_EncryptUpdate(context, nil, &written, associated, CInt(associatedCount)) == 1
    else { return false }
    written = 0
    // What does not fill a block is written by the last call, inside of the payload's length.
    guard size == 0 || EVP_EncryptUpdate(context, output, &written, payload, size) == 1,
      EVP_EncryptFinal_ex(context, output + Int(written), &written) == 1
    else { return false }
    return EVP_CIPHER_CTX_ctrl(
      context, EVP_CTRL_AEAD_GET_TAG, CInt(SealedFrame.tagLength), output + count) == 1
  }

  /// Decrypts, also in place; what it writes must not be used unless it says that the frame is authentic.
  ///
  /// - Parameter tag: 16 bytes.
  @inline(__always)
  func open(
    _ slot: Int, nonce: UnsafePointer<UInt8>, associated: UnsafePointer<UInt8>, _ associatedCount: Int,
    _ body: UnsafePointer<UInt8>, _ count: Int, tag: UnsafePointer<UInt8>,
    to output: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    guard let context = opening[slot], let size = CInt(exactly: count) else { return false }
    var written: CInt = 0
    guard EVP_DecryptInit_ex(context, nil, nil, nil, nonce) == 1,
      EVP_DecryptUpdate(context, nil, &written, associated, CInt(associatedCount)) == 1,
      EVP_CIPHER_CTX_ctrl(
        context, EVP_CTRL_AEAD_SET_TAG, CInt(SealedFrame.tagLength), UnsafeMutablePointer(mutating: tag)) == 1
    else { return false }
    written = 0
    return (size == 0 || EVP_DecryptUpdate(context, output, &written, body, size) == 1)
      && EVP_DecryptFinal_ex(context, output + Int(written), &written) == 1
  }

  /// Takes back what `open` did in place with a key that was not the right one: encrypted with it again, the bytes are
  /// what they were.
  func undo(
    _ slot: Int, nonce: UnsafePointer<UInt8>, _ body: UnsafeMutablePointer<UInt8>, _ count: Int
  ) {
    guard let context = sealing[slot], let size = CInt(exactly: count), size > 0 else { return }
    var written: CInt = 0
    guard EVP_EncryptInit_ex(context, nil, nil, nil, nonce) == 1,
      EVP_EncryptUpdate(context, body, &written, body, size) == 1
    else { return }
    _ = EVP_EncryptFinal_ex(context, body + Int(written), &written)
  }
}
