// Long values on links: questions for their parts, and the parts.

extension TupleMap {
  /// Time without a part after which the missing ones are asked for again, and how often in a row. Chosen here.
  static var partTime: Nanoseconds { 40_000_000 }
  private static var partAttempts: UInt8 { 12 }

  /// Goes on with the values that are being fetched.
  mutating func advanceParts(now: Instant) {
    for index in 0..<TupleParts.assemblyCount where parts.assemblies[index].hash != 0 {
      guard now >= parts.assemblies[index].deadline else { continue }
      guard parts.assemblies[index].attempts < Self.partAttempts else {
        parts.end(index)
        continue
      }
      parts.assemblies[index].attempts += 1
      ask(index, now: now)
    }
  }

  private func ask(_ index: Int, now: Instant) {
    let attempts = UInt64(parts.assemblies[index].attempts)
    parts.assemblies[index].owesQuestion = true
    parts.assemblies[index].deadline = now + Self.partTime << min(attempts, 4)
  }

  /// When `advanceParts` must be called.
  var partsDeadline: Instant {
    var deadline = Instant.never
    for index in 0..<TupleParts.assemblyCount where parts.assemblies[index].hash != 0 {
      deadline = min(deadline, parts.assemblies[index].deadline)
    }
    return deadline
  }

  /// Whether parts, or a version that waited for its turn, are to be asked for on a link.
  func hasPartsQuestion(_ slot: Int) -> Bool {
    if parts.hasHead(slot) { return true }
    for index in 0..<TupleParts.assemblyCount {
      let assembly = parts.assemblies[index]
      if assembly.hash != 0, assembly.owesQuestion, Int(assembly.slot) == slot { return true }
    }
    return false
  }

  /// Writes questions for parts.
  mutating func writePartsQuestions(_ slot: Int, to writer: inout Writer) {
    for index in 0..<TupleParts.assemblyCount {
      let assembly = parts.assemblies[index]
      guard assembly.hash != 0, assembly.owesQuestion, Int(assembly.slot) == slot,
        writer.remaining >= 1 + 8 + 4 + 32
      else { continue }
      parts.assemblies[index].owesQuestion = false
      let count = (Int(assembly.length) + TupleParts.unit - 1) / TupleParts.unit
      guard let first = (0..<count).first(where: { !parts.has($0, index) }) else { continue }
      writer.write(MessageKind.partsWanted)
      writer.write(assembly.hash)
      writer.writeVariable(UInt64(first))
      for word in 0..<TupleParts.partsPerQuestion / 64 {
        var mask: UInt64 = 0
        for bit in 0..<64 {
          let part = first + word * 64 + bit
          if part < count, !parts.has(part, index) { mask |= 1 << UInt64(bit) }
        }
        writer.write(mask)
      }
    }
    if writer.remaining >= 10, let hash = parts.takeHead(slot) {
      writer.write(MessageKind.tuplesWanted)
      writer.write(UInt8(1))
      writer.write(hash)
    }
  }

  /// A neighbour's question for parts.
  mutating func onPartsWanted(_ cursor: inout Cursor, from slot: Int) throws(DecodeError) {
    var question = TuplePartsWanted()
    question.hash = try cursor.read(UInt64.self)
    question.first = UInt32(truncatingIfNeeded: try cursor.readVariable(in: 0...0xff_ffff))
    question.mask.0 = try cursor.read(UInt64.self)
    question.mask.1 = try cursor.read(UInt64.self)
    question.mask.2 = try cursor.read(UInt64.self)
    question.mask.3 = try cursor.read(UInt64.self)
    guard question.hash != 0 else { throw .outOfRange }
    let base = slot * TupleParts.wantedPerLink
    var target = base
    for index in base..<base + TupleParts.wantedPerLink {
      if parts.wanted[index].hash == question.hash {
        parts.wanted[index] = question
        return
      }
      if parts.wanted[index].isEmpty { target = index }
    }
    parts.wanted[target] = question
  }

  /// Where a version's value can be read: in the table, or as far as it has come.
  private func value(_ hash: UInt64) -> (bytes: UnsafeRawBufferPointer, assembly: Int?)? {
    if let place = table.find(hash: hash) { return (table.value(place), nil) }
    if let index = parts.find(hash) { return (parts.value(index), index) }
    return nil
  }

  private func nextPart(_ index: Int, _ assembly: Int?, limit: Int) -> Int? {
    let question = parts.wanted[index]
    for (word, mask) in [question.mask.0, question.mask.1, question.mask.2, question.mask.3].enumerated() {
      var rest = mask
      while rest != 0 {
        let part = Int(question.first) + word * 64 + rest.trailingZeroBitCount
        guard part * TupleParts.unit < limit else { return nil }
        if assembly.map({ parts.has(part, $0) }) ?? true { return part }
        rest &= rest &- 1
      }
    }
    return nil
  }

  /// Whether parts that a neighbour wants are here.
  func hasParts(_ slot: Int) -> Bool {
    let base = slot * TupleParts.wantedPerLink
    for index in base..<base + TupleParts.wantedPerLink where !parts.wanted[index].isEmpty {
      guard let (bytes, assembly) = value(parts.wanted[index].hash) else {
        parts.wanted[index] = TuplePartsWanted()
        continue
      }
      if nextPart(index, assembly, limit: bytes.count) != nil { return true }
    }
    return false
  }

  /// Writes parts that a neighbour wants, as many as fit.
  func writeParts(_ slot: Int, to writer: inout Writer) {
    let base = slot * TupleParts.wantedPerLink
    for index in base..<base + TupleParts.wantedPerLink where !parts.wanted[index].isEmpty {
      let hash = parts.wanted[index].hash
      guard let (bytes, assembly) = value(hash) else { continue }
      while let part = nextPart(index, assembly, limit: bytes.count) {
        let start = part * TupleParts.unit
        let end = min(start + TupleParts.unit, bytes.count)
        guard writer.remaining >= 1 + 8 + 4 + 2 + end - start else { return }
        writer.write(MessageKind.part)
        writer.write(hash)
        writer.writeVariable(UInt64(part))
        writer.writeVariable(UInt64(end - start))
        writer.write(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        unwant(part, index)
      }
    }
  }

  private func unwant(_ part: Int, _ index: Int) {
    let bit = part - Int(parts.wanted[index].first)
    let mask = ~(UInt64(1) << UInt64(bit & 63))
    switch bit >> 6 {
    case 0: parts.wanted[index].mask.0 &= mask
    case 1: parts.wanted[index].mask.1 &= mask
    case 2: parts.wanted[index].mask.2 &= mask
    default: parts.wanted[index].mask.3 &= mask
    }
  }

  /// A part of a long value.
  mutating func onPart(
    _ cursor: inout Cursor, from slot: Int, now: Instant, counters: inout Counters,
    into changes: inout ChangeBuffer
  ) throws(DecodeError) {
    let hash = try cursor.read(UInt64.self)
    let part = Int(truncatingIfNeeded: try cursor.readVariable(in: 0...0xff_ffff))
    let bytes = try cursor.readBytes(try cursor.readVariable())
    guard hash != 0, let index = parts.find(hash), Int(parts.assemblies[index].slot) == slot else { return }
    guard parts.put(part, bytes, index) else { return }
    parts.assemblies[index].attempts = 0
    parts.assemblies[index].deadline = now + Self.partTime
    guard parts.assemblies[index].missing == 0 else {
      if isQuestionAnswered(index, part) { ask(index, now: now) }
      return
    }
    let record = parts.record(index)
    // A value that is not what its hash says is nobody's.
    if record.hash == hash {
      _ = take(record, now: now, counters: &counters, into: &changes)
    } else {
      counters.tuplesRefusedSize &+= 1
    }
    parts.end(index)
  }

  /// Whether all parts that a question can have asked for have come, up to the last one that came.
  private func isQuestionAnswered(_ index: Int, _ part: Int) -> Bool {
    guard part % TupleParts.partsPerQuestion == TupleParts.partsPerQuestion - 1 else { return false }
    return (part - TupleParts.partsPerQuestion + 1...part).allSatisfy { parts.has($0, index) }
  }
}
