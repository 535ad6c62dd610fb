// A table whose size is decided once.
//
// The core's tables are as large as the configuration allows, but an idle node should not pay for what it
// does not use. Zeroed pages from the system become resident only when first written, which a Swift array,
// written whole at creation, cannot offer.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A fixed number of plain values, all zero bits at first; owned by one holder and freed with it.
///
/// `Element` must be valid when all its bytes are zero. Inlinable, because the engines of foreign wires lie in
/// modules of their own and must not pay for a generic type that is not specialised.
package struct FixedTable<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline let base: UnsafeMutablePointer<Element>
  package let count: Int

  /// Reserves room for `count` elements; memory becomes resident as it is written.
  @inlinable
  package init(count: Int) {
    base = ZeroedMemory.allocate(bytes: max(1, count) * MemoryLayout<Element>.stride)
      .bindMemory(to: Element.self, capacity: max(1, count))
    self.count = count
  }

  @inlinable
  deinit {
    ZeroedMemory.free(base, bytes: max(1, count) * MemoryLayout<Element>.stride)
  }

  @inlinable
  package subscript(index: Int) -> Element {
    @inline(__always) _read {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "table index out of range")
      yield base[index]
    }
    @inline(__always) nonmutating _modify {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "table index out of range")
      yield &base[index]
    }
  }

  /// Sets the elements of `range` to zero.
  @inlinable
  package func clear(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "table range out of range")
    ZeroedMemory.clear(base + range.lowerBound, bytes: range.count * MemoryLayout<Element>.stride)
  }

  /// The bytes of the table from `offset` on; the caller keeps to `count`.
  @inlinable
  package func pointer(at offset: Int) -> UnsafeMutablePointer<Element> { base + offset }
}

/// Memory that is zero and costs nothing until it is written.
@usableFromInline
package enum ZeroedMemory {
  /// From here on, memory comes from the system in pages. Smaller pieces come from the C allocator, which
  /// also hands out large ones that were used before, cleared by writing, and so resident as a whole.
  private static var pagesFrom: Int { 16 << 10 }

  @usableFromInline
  static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
    guard let memory = tryAllocate(bytes: bytes) else {
      preconditionFailure("no memory for a table of \(bytes) bytes; lower the limits in the configuration")
    }
    return memory
  }

  /// Memory of a size that was not decided at the start; nil when there is none.
  static func tryAllocate(bytes: Int) -> UnsafeMutableRawPointer? {
    guard bytes >= pagesFrom else { return calloc(1, bytes) }
    let mapped = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    return mapped == MAP_FAILED ? nil : mapped
  }

  @usableFromInline
  static func clear(_ memory: UnsafeMutableRawPointer, bytes: Int) {
    memset(memory, 0, bytes)
  }

  @usableFromInline
  static func free(_ memory: UnsafeMutableRawPointer, bytes: Int) {
    if bytes >= pagesFrom {
      munmap(memory, bytes)
    } else {
      #if canImport(Glibc)
        Glibc.free(memory)
      #elseif canImport(Musl)
        Musl.free(memory)
      #elseif canImport(Darwin)
        Darwin.free(memory)
      #endif
    }
  }
}
