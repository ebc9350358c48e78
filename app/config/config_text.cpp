#include "app/config/config_text.hpp"

#include "app/config/config_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace weir {
namespace {

bool lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

struct file_closer {
  void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};
using open_file = std::unique_ptr<std::FILE, file_closer>;

bool is_address(const std::string& host, int family) {
  unsigned char parsed_address[sizeof(in6_addr)];
  return inet_pton(family, host.c_str(), parsed_address) == 1;
}

} // namespace

bool is_label(std::string_view text) noexcept {
  if (text.empty() || text.size() > 64 || !lower_or_digit(text.front()))
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return lower_or_digit(c) || c == '_' || c == '-'; });
}

bool is_node_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64
         && std::all_of(text.begin(), text.end(), [](char c) {
              return lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_'
                     || c == '-';
            });
}

bool lower_digest(std::string& text) noexcept {
  for (auto& c : text)
    if (c >= 'A' && c <= 'F')
      c = static_cast<char>(c - 'A' + 'a');
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
         });
}

parsed<listen_address> parse_listen_address(std::string_view text) {
  const auto unexpected = [](const char* why) {
    return tl::unexpected(std::string{why});
  };
  const auto colon = text.rfind(':');
  if (colon == text.npos)
    return unexpected("expected host:port, like 127.0.0.1:8080");
  listen_address address;
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  address.host = host;
  const bool known = bracketed
                       ? is_address(address.host, AF_INET6)
                       : is_address(address.host, AF_INET) || address.host == "localhost";
  if (!known)
    return unexpected(
      "expected an IPv4 address, [an IPv6 address] or localhost before the port");
  const auto port = parse_count(text.substr(colon + 1));
  if (!port || *port > 65'535)
    return unexpected("expected a port of 0 … 65535 behind the last colon");
  address.port = static_cast<uint16_t>(*port);
  if (address.host == "localhost") // listeners take only addresses
    address.host = "127.0.0.1";
  return address;
}

listen_address from_here(listen_address listener) {
  if (listener.host == "0.0.0.0")
    listener.host = "127.0.0.1";
  if (listener.host == "::")
    listener.host = "::1";
  return listener;
}

std::string to_string(const listen_address& address) {
  return address.host.find(':') == std::string::npos
           ? fmt::format("{}:{}", address.host, address.port)
           : fmt::format("[{}]:{}", address.host, address.port);
}

bool listen_address::loopback() const noexcept {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1)
    return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string resolve_readable(std::string& path, const std::string& directory) {
  if (path.empty() || path.find('\0') != path.npos)
    return "expected the path of a file";
  const auto full = std::filesystem::path{directory} / path;
  path = full.lexically_normal().string();
  std::error_code error;
  if (std::filesystem::is_directory(full, error))
    return fmt::format("{} is a directory, expected a file", in_quotes(path));
  const open_file file{std::fopen(full.c_str(), "rb")};
  return file ? ""
              : fmt::format("cannot read {}: {}", in_quotes(path),
                            std::generic_category().message(errno));
}

result<std::string> read_file(const std::string& path, size_t bytes_max) {
  const open_file file{std::fopen(path.c_str(), "rb")};
  if (!file)
    return fail(ec::io_failed, fmt::format("{}: cannot open: {}", path,
                                           std::generic_category().message(errno)));
  std::string text;
  char buffer[16 * 1024];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, got);
    // Checked while reading: a pipe or a device does not tell its size.
    if (text.size() > bytes_max)
      return fail(ec::io_failed,
                  fmt::format("{}: larger than {}", path, format_bytes(bytes_max)));
  }
  if (std::ferror(file.get()))
    return fail(ec::io_failed, fmt::format("{}: cannot read: {}", path,
                                           std::generic_category().message(errno)));
  return text;
}

namespace {

/// How many letters to replace, insert, leave out or swap with their neighbour: the
/// distance of Damerau and Levenshtein (optimal string alignment), three rows at a time.
size_t edits_between(std::string_view from, std::string_view to) {
  std::vector<size_t> before(to.size() + 1), last(to.size() + 1), row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    // `before`, `last` and `row` are the rows i - 2, i - 1 and i.
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t substituted = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({row[j - 1] + 1, last[j] + 1, substituted});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

} // namespace

std::string_view nearest_name(std::string_view name,
                              const std::set<std::string, std::less<>>& known) {
  std::string_view best;
  // A third of the letters, at least one: two of three would make any short word near.
  size_t best_edits = std::max<size_t>(1, name.size() / 3) + 1;
  if (name.size() < 3 || name.size() > 64)
    return best;
  for (const auto& candidate : known)
    if (const auto edits = edits_between(name, candidate); edits < best_edits) {
      best_edits = edits;
      best = candidate;
    }
  return best;
}

} // namespace weir
