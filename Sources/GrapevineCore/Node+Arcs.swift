// Who holds whom, for overlays whose links have a direction.

extension Node {
  /// The members that this node pushes messages to: SCAMP's partial view. Where links are symmetric, all
  /// neighbours.
  public var outNeighbours: [Endpoint] { endpoints(view.links.count, overlay.targets(view)) }

  /// The members that hold this node in their partial views: SCAMP's in-view. Where links are symmetric, all
  /// neighbours.
  public var inNeighbours: [Endpoint] {
    if case .scamp = overlay { endpoints(view.links.count, view.inArcs) } else { outNeighbours }
  }

  /// The size of the partial view.
  public var outCount: Int { overlay.targets(view).nonzeroBitCount }

  /// The size of the in-view.
  public var inCount: Int {
    if case .scamp = overlay { view.inArcs.nonzeroBitCount } else { outCount }
  }

  private func endpoints(_ count: Int, _ slots: SlotMask) -> [Endpoint] {
    (0..<count).compactMap { slots & 1 << SlotMask($0) != 0 ? view.links[$0].endpoint : nil }
  }
}
