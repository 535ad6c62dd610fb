// What sealing and opening a datagram costs beside the library's own call.

import COpenSSL
import GrapevineCore
import GrapevineSecurity

enum SealedCostBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Sealing and opening a datagram, one process, beside OpenSSL's own calls in the same run")
    for size in [64, 1_200] {
      let bench = try SealedCost(size: size)
      var ours: [(seal: Double, open: Double)] = []
      var theirs: [(seal: Double, open: Double)] = []
      for _ in 0..<9 {
        ours.append(try bench.ours())
        theirs.append(try bench.theirs())
      }
      let name = "sealed.cost\(size)"
      report.add(Row("\(name).seal", ours.map(\.seal), "ns"))
      report.add(Row("\(name).sealLibrary", theirs.map(\.seal), "ns", note: "nonce, header, payload, tag"))
      report.add(
        Row(
          "\(name).sealRatio", zip(ours, theirs).map { $0.seal / $1.seal }, "of the library",
          reach: .atMost(1.3)))
      report.add(Row("\(name).open", ours.map(\.open), "ns"))
      report.add(Row("\(name).openLibrary", theirs.map(\.open), "ns"))
      report.add(
        Row(
          "\(name).openRatio", zip(ours, theirs).map { $0.open / $1.open }, "of the library",
          reach: .atMost(1.3), note: "the lookup of the sender and its window of counters besides"))
    }
  }
}

/// Frames of one size, sealed and opened by both.
private final class SealedCost {
  private static let rounds = 20_000
  private let size: Int
  private let payload: UnsafeMutableRawBufferPointer
  private let frames: UnsafeMutableRawBufferPointer
  private let output: UnsafeMutableRawBufferPointer
  private let stride: Int
  private let context: OpaquePointer

  init(size: Int) throws {
    self.size = size
    stride = size + 32
    payload = .allocate(byteCount: size, alignment: 16)
    payload.initializeMemory(as: UInt8.self, repeating: 7)
    frames = .allocate(byteCount: Self.rounds * stride, alignment: 16)
    output = .allocate(byteCount: stride, alignment: 16)
    guard let context = EVP_CIPHER_CTX_new() else { throw BenchmarkError("OpenSSL has no memory") }
    self.context = context
  }

  deinit {
    EVP_CIPHER_CTX_free(context)
    payload.deallocate()
    frames.deallocate()
    output.deallocate()
  }

  private func frame(_ index: Int, _ length: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: frames[index * stride..<index * stride + length])
  }

  func ours() throws -> (seal: Double, open: Double) {
    var keyring = try Keyring()
    try keyring.install(ClusterKey.generate())
    let other = try ClusterKeys(keyring: keyring)
    var sender = try other.makeProtection()
    var receiver = try other.makeProtection()
    var lengths = [Int](repeating: 0, count: Self.rounds)
    // Processor time: others on the machine must not count.
    var start = System.cpuNanoseconds
    for index in 0..<Self.rounds {
      lengths[index] = try sender.seal(UnsafeRawBufferPointer(payload), into: frame(index, stride))
    }
    let seal = System.cpuNanoseconds - start
    start = System.cpuNanoseconds
    for index in 0..<Self.rounds {
      let opened = receiver.open(UnsafeRawBufferPointer(frame(index, lengths[index])), into: output)
      guard case .sealed = opened else { throw BenchmarkError("a frame of ours was refused") }
    }
    let open = System.cpuNanoseconds - start
    return (Double(seal) / Double(Self.rounds), Double(open) / Double(Self.rounds))
  }

  /// The library's calls for the same: nonce, associated data, payload, tag.
  func theirs() throws -> (seal: Double, open: Double) {
    let key = [UInt8](repeating: 1, count: 16)
    let associated = [UInt8](repeating: 2, count: 20)
    var nonce = [UInt8](repeating: 3, count: 12)
    var written: CInt = 0
    var isIntact = true
    isIntact = EVP_EncryptInit_ex(context, EVP_aes_128_ocb(), nil, key, nil) == 1
    // Processor time: others on the machine must not count.
    var start = System.cpuNanoseconds
    for index in 0..<Self.rounds {
      nonce.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(index), as: UInt64.self) }
      let bytes = frame(index, stride).baseAddress?.assumingMemoryBound(to: UInt8.self)
      EVP_EncryptInit_ex(context, nil, nil, nil, nonce)
      EVP_EncryptUpdate(context, nil, &written, associated, CInt(associated.count))
      EVP_EncryptUpdate(
        context, bytes, &written, payload.baseAddress?.assumingMemoryBound(to: UInt8.self), CInt(size))
      EVP_EncryptFinal_ex(context, bytes.map { $0 + Int(written) }, &written)
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, bytes.map { $0 + size })
    }
    let seal = System.cpuNanoseconds - start
    isIntact = EVP_DecryptInit_ex(context, EVP_aes_128_ocb(), nil, key, nil) == 1 && isIntact
    let target = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    start = System.cpuNanoseconds
    for index in 0..<Self.rounds {
      nonce.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(index), as: UInt64.self) }
      let bytes = frame(index, stride).baseAddress?.assumingMemoryBound(to: UInt8.self)
      EVP_DecryptInit_ex(context, nil, nil, nil, nonce)
      EVP_DecryptUpdate(context, nil, &written, associated, CInt(associated.count))
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, bytes.map { $0 + size })
      EVP_DecryptUpdate(context, target, &written, bytes, CInt(size))
      isIntact = EVP_DecryptFinal_ex(context, target.map { $0 + Int(written) }, &written) == 1 && isIntact
    }
    let open = System.cpuNanoseconds - start
    guard isIntact else { throw BenchmarkError("OpenSSL could not open what it had sealed") }
    return (Double(seal) / Double(Self.rounds), Double(open) / Double(Self.rounds))
  }
}
