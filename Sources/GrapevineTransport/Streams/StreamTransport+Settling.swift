// Which of several connections to one peer is sent over.
//
// Two nodes that need each other at the same time open a connection each. Both then know both greetings, and keep
// the connection that the lower run has opened; whoever opened the other one lets what is in it leave, says that no
// more comes, and both read it to its end. So nothing that was framed is lost.
//
// The port in a greeting is what a peer says of itself: somebody else at the same address may say the same. So a
// connection that this side opened, which shows that the peer does listen there, is never given up for one that
// another run claims. Over Unix sockets the system says which user the peer is, who must be the one whose socket the
// number has.

import GrapevineCore

extension StreamTransport {
  /// Whether the peer of a connection may be the node that its greeting says.
  func mayGreet(_ connection: StreamConnection, as hello: StreamHello) -> Bool {
    // Known by the path that it was reached at, whatever it says.
    guard let seat, !connection.isOutgoing else { return true }
    return UnixRights.mayClaim(
      peer: UnixRights.peer(of: connection.descriptor),
      owner: UnixRights.owner(ofSocket: seat.directory.socketPath(hello.port)))
  }

  /// Takes in who the peer of a connection is.
  func settle(_ connection: StreamConnection, _ hello: StreamHello, _ now: Instant) {
    connection.hasHello = true
    connection.run = hello.run
    if connection.isOutgoing {
      // Known by the endpoint that it was reached at, whatever it says.
      tally.opened += 1
    } else {
      connection.remote.port = hello.port
      tally.accepted += 1
    }
    backOffs[connection.remote] = nil
    guard connection.state == .greeting else { return }
    connection.state = .open
    guard let other = senders[connection.remote], other !== connection else {
      senders[connection.remote] = connection
      return
    }
    choose(between: connection, and: other, now)
  }

  /// Decides whether a connection that is new takes the place of the one in use.
  private func choose(between new: StreamConnection, and old: StreamConnection, _ now: Instant) {
    // This node's own: either end will do.
    guard new.run != run else { return }
    if old.isOutgoing != new.isOutgoing, !old.hasHello || old.run == new.run {
      // One of each side: both sides keep the one that the lower run has opened.
      let isNewKept = new.isOutgoing == (run < new.run)
      if isNewKept {
        replace(old, by: new, now)
      } else if new.isOutgoing {
        end(new, now)
      }
      return
    }
    // Another run claims the endpoint.
    if old.isOutgoing, old.hasHello { return }
    replace(old, by: new, now)
  }

  private func replace(_ old: StreamConnection, by new: StreamConnection, _ now: Instant) {
    senders[new.remote] = new
    if old.state == .connecting {
      new.takeOver(from: old)
      drop(old, isFailure: false, now)
      touch(new)
    } else if old.isOutgoing || old.run != new.run {
      end(old, now)
    }
    // Otherwise its opener ends it.
  }
}
