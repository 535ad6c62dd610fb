// The values that the library works with. To define others before this header changes nothing in the library.

#ifndef PITTACUS_CONFIG_H
#define PITTACUS_CONFIG_H

/// The version that member records say.
#ifndef PROTOCOL_VERSION
#define PROTOCOL_VERSION 0x01
#endif

/// Milliseconds between two attempts to deliver a message.
#ifndef MESSAGE_RETRY_INTERVAL
#define MESSAGE_RETRY_INTERVAL 10000
#endif

/// Attempts to deliver a message.
#ifndef MESSAGE_RETRY_ATTEMPTS
#define MESSAGE_RETRY_ATTEMPTS 3
#endif

/// Members that a message is passed on to.
#ifndef MESSAGE_RUMOR_FACTOR
#define MESSAGE_RUMOR_FACTOR 3
#endif

/// The longest datagram in bytes; a payload has up to 486 of them.
#ifndef MESSAGE_MAX_SIZE
#define MESSAGE_MAX_SIZE 512
#endif

/// Datagrams that wait to be sent or acknowledged.
#ifndef MAX_OUTPUT_MESSAGES
#define MAX_OUTPUT_MESSAGES 4096
#endif

/// The longest time in milliseconds between two calls of pittacus_gossip_tick().
#ifndef GOSSIP_TICK_INTERVAL
#define GOSSIP_TICK_INTERVAL 1000
#endif

/// Messages that are kept for those who missed them.
#ifndef DATA_LOG_SIZE
#define DATA_LOG_SIZE 4096
#endif

#endif
