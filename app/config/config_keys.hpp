// CONFIG KEYS: every key declared once, with its bounds and meaning, and shown to a
// visitor. One visitor reads YAML into the structs (config_reader), another makes the
// table of docs/config.md (config_reference). Defaults are those of the structs.
#pragma once

#include "app/config/config.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

template <class T>
struct bounds {
  T low;
  T high;
};

/// A key's name and one sentence on it. Both are literals.
struct key_name {
  std::string_view name;
  std::string_view meaning;
  std::string_view zero = {}; ///< a word that may stand for 0 (numbers) or nothing (text)
};

/// What a text may be.
enum class text_rule : uint8_t {
  any,
  label,     ///< ^[a-z0-9][a-z0-9_-]{0,63}$
  node_name, ///< letters, digits, `.`, `_`, `-`; 1 … 64
  sha256,    ///< 64 hex digits
  data_path, ///< file or directory that weir makes
  read_path, ///< file that must exist, relative to the configuration file
  connection, ///< URL or settings of a database; may have a password in it: never shown whole
};

class key_visitor {
 public:
  virtual ~key_visitor() = default;

  virtual void section(key_name key, const std::function<void()>& body) = 0;
  /// Calls `element` with the name of a member, new or one of `present`, once for each that is to
  /// be visited.
  virtual void map(key_name key, const std::vector<std::string>& present,
                   const std::function<void(const std::string&)>& element) = 0;
  /// Calls `element` with the index of an item, in order; `present` are there, and the index after
  /// the last one makes another.
  virtual void list(key_name key, size_t present,
                    const std::function<void(size_t)>& element) = 0;

  virtual void flag(key_name key, bool& value) = 0;
  virtual void real(key_name key, double& value, bounds<double> range) = 0;
  virtual void text(key_name key, std::string& value, text_rule rule) = 0;
  virtual void texts(key_name key, std::vector<std::string>& value, text_rule rule) = 0;
  virtual void address(key_name key, listen_address& value) = 0;
  virtual void steps(key_name key, std::shared_ptr<const nlohmann::json>& value) = 0;

  template <class T>
  void count(key_name key, T& value, bounds<uint64_t> range) {
    auto wide = static_cast<uint64_t>(value);
    whole(key, wide, range, false);
    value = static_cast<T>(wide);
  }
  template <class T>
  void bytes(key_name key, T& value, bounds<uint64_t> range) {
    auto wide = static_cast<uint64_t>(value);
    whole(key, wide, range, true);
    value = static_cast<T>(wide);
  }
  /// `Duration` may be coarser than a millisecond: then the value must be a multiple of
  /// it.
  template <class Duration>
  void duration(key_name key, Duration& value, bounds<std::chrono::milliseconds> range) {
    using std::chrono::milliseconds;
    milliseconds fine{value};
    time(key, fine, range, milliseconds{Duration{1}});
    value = std::chrono::duration_cast<Duration>(fine);
  }
  /// `values` are in the order of the enumeration, from 0.
  template <class Enum>
  void choice(key_name key, Enum& value, const std::vector<std::string_view>& values) {
    auto index = static_cast<size_t>(value);
    pick(key, index, values);
    value = static_cast<Enum>(index);
  }

 protected:
  virtual void whole(key_name key, uint64_t& value, bounds<uint64_t> range,
                     bool is_bytes) = 0;
  virtual void time(key_name key, std::chrono::milliseconds& value,
                    bounds<std::chrono::milliseconds> range,
                    std::chrono::milliseconds granularity) = 0;
  virtual void pick(key_name key, size_t& index,
                    const std::vector<std::string_view>& values) = 0;
};

/// Visits all keys, in the order of docs/config.md.
void visit_config(key_visitor& visitor, config& settings);

// The parts of visit_config(), one per file.
void visit_ingest(key_visitor& visitor, ingest_section& ingest);
void visit_node(key_visitor& visitor, config& settings);
void visit_cluster(key_visitor& visitor, cluster_section& cluster);
void visit_storage(key_visitor& visitor, config& settings);
void visit_streams(key_visitor& visitor, config& settings);

/// A stream that is not configured in detail.
stream_config default_stream(std::string name);

} // namespace weir
