// What applications of this module need of those below it.

@_exported import struct GrapevineCore.MemberID
@_exported import struct GrapevineCore.Tuple
@_exported import enum GrapevineCore.TupleChangeKind
@_exported import enum GrapevineCore.TupleCondition
@_exported import enum GrapevineCore.TupleLifetime
@_exported import struct GrapevineCore.TupleVersion
@_exported import struct ZGossip.ZGossipConfiguration
@_exported import struct ZGossip.ZGossipCounters
@_exported import enum ZGossip.ZGossipError
@_exported import struct ZGossip.ZPLDocument
@_exported import struct ZGossip.ZPLError
@_exported import struct ZeroMQ.CurveKeys
@_exported import struct ZeroMQ.CurvePublicKey
@_exported import struct ZeroMQ.CurveSecretKey
@_exported import class ZeroMQ.ZeroMQContext
@_exported import enum ZeroMQ.ZeroMQError
