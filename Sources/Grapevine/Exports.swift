// One import for applications: members, endpoints, events and limits are the core's own types.

@_exported public import GrapevineCore
