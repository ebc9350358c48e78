// CONFIG TEXT: what the texts of a configuration may be: names, digests, addresses,
// files.
#pragma once

#include "app/config/config.hpp"
#include "app/config/units.hpp"

#include <string>
#include <string_view>

namespace weir {

inline constexpr std::string_view label_pattern = "^[a-z0-9][a-z0-9_-]{0,63}$";

bool is_label(std::string_view text) noexcept;
bool is_node_name(std::string_view text) noexcept;
/// True for 64 hex digits, which are made lower case.
bool lower_digest(std::string& text) noexcept;

/// `host:port` or `[IPv6]:port`. The host is an address or `localhost`, which becomes
/// 127.0.0.1, never a name to be resolved.
parsed<listen_address> parse_listen_address(std::string_view text);

/// Where a listener is reached from this machine: an address that stands for all becomes
/// the loopback one.
listen_address from_here(listen_address listener);

/// Makes `path` relative to `directory` unless it is absolute, and opens it. Returns why
/// it can't be read, or empty.
std::string resolve_readable(std::string& path, const std::string& directory);

/// The whole file, or io_failed with the path and the system's reason.
result<std::string> read_file(const std::string& path, size_t bytes_max);

} // namespace weir
