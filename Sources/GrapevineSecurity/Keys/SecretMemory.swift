// Where key material lives: locked, guarded and zeroed memory of libsodium.

import CSodium

/// A few bytes that are kept out of swap and core dumps where the system allows it, lie between pages that cannot be
/// touched, and are zeroed when their owner goes.
///
/// It cannot be copied, and so neither printed nor captured by chance. Only its owner writes, before it shares it.
struct SecretMemory: ~Copyable, @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let count: Int

  /// Reserves `count` bytes, all zero.
  ///
  /// Memory beyond what the system lets the program lock (`ulimit -l`) is not locked, and zeroed all the same.
  init(count: Int) throws(SecurityError) {
    guard sodium_init() >= 0 else {
      throw SecurityError(.library, "libsodium could not be started: does the system offer random bytes?")
    }
    guard count > 0, let base = sodium_malloc(count) else {
      throw SecurityError(.memory, "no memory for \(count) secret bytes: allow the program more")
    }
    sodium_memzero(base, count)
    self.base = base
    self.count = count
  }

  // Zeroes before it frees.
  deinit { sodium_free(base) }

  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: count) }

  /// The bytes from `offset` on, as C functions take them; the caller keeps to `count`.
  func pointer(at offset: Int = 0) -> UnsafeMutablePointer<UInt8> {
    (base + offset).assumingMemoryBound(to: UInt8.self)
  }
}
