// OPERATIONS LISTENER: what an operator and Prometheus read: /metrics, /livez, /readyz,
// /actors, /queues, /cluster, /dead-letters. It is meant for loopback and never touches the
// flow: all it shows are atomics, snapshots and stored dead letters.
//
//   Owner:    the node; started last, stopped first.
//   Bounds:   those of the page server: connections, heads, deadlines, answers.
#pragma once

#include "base/result.hpp"
#include "http/operations/metrics.hpp"
#include "proto/cluster_view.hpp"
#include "proto/health.hpp"
#include "proto/node_view.hpp"
#include "storage/dead_letters.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct operations_config {
  std::string host = "127.0.0.1";
  uint16_t port = 8081; ///< 0: any free one
  /// SHA-256 of a bearer token, 64 hex digits. Empty: none is asked for, which the configuration
  /// allows on loopback only. With it, /dead-letters and everything that changes state
  /// need the token.
  std::string token_sha256;
};

struct operations_context {
  telemetry& metrics;
  const node_view& view;
  std::function<result<std::vector<dead_letter>>(const dead_letter_query&)>
    list_dead_letters;
  std::function<result<std::optional<dead_letter>>(uint64_t)> get_dead_letter;
  /// Fault injection only: makes the actor with this id throw. Empty: POST /faults/crash
  /// is 404.
  std::function<result<void>(std::string_view id)> crash_actor;
  const cluster_view* cluster = nullptr; ///< null: /cluster is 404
  /// Optional: updates gauges that would cost too much to keep up to date at all times.
  std::function<void()> measure{};
};

class operations_server {
 public:
  /// Binds and serves. io_failed with the address when it is taken.
  static result<std::unique_ptr<operations_server>> start(const operations_config& config,
                                                          operations_context context);
  virtual ~operations_server() = default; ///< stops and joins
  virtual uint16_t port() const noexcept = 0;
};

} // namespace weir
