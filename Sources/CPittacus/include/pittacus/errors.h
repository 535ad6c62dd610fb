// The codes by which the functions of gossip.h say what went wrong.

#ifndef PITTACUS_ERRORS_H
#define PITTACUS_ERRORS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pittacus_error {
  /// Nothing went wrong.
  PITTACUS_ERR_NONE = 0,
  /// What was given cannot be used: a null pointer, an address that nothing can be sent to.
  PITTACUS_ERR_INIT_FAILED = -1,
  /// No memory.
  PITTACUS_ERR_ALLOCATION_FAILED = -2,
  /// Not in this state, or no handle.
  PITTACUS_ERR_BAD_STATE = -3,
  /// A datagram that is not of this protocol.
  PITTACUS_ERR_INVALID_MESSAGE = -4,
  /// A message that is longer than it may be, shorter than it says, or that has no room where it has to wait.
  PITTACUS_ERR_BUFFER_NOT_ENOUGH = -5,
  /// Not used by this library.
  PITTACUS_ERR_NOT_FOUND = -6,
  /// The system took none of the datagrams.
  PITTACUS_ERR_WRITE_FAILED = -7,
  /// Nothing to read.
  PITTACUS_ERR_READ_FAILED = -8
} pittacus_error_t;

#ifdef __cplusplus
}
#endif

#endif
