// INGEST STATE: what the I/O threads of one ingest server share. Every member is safe to
// use from any of them.
#pragma once

#include "http/ingest/admission.hpp"
#include "http/ingest/ingest_settings.hpp"
#include "http/ingest/outstanding.hpp"
#include "http/ingest/rate_limit.hpp"
#include "http/wire/transport.hpp"
#include "proto/role_names.hpp"
#include "proto/telemetry.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

namespace weir {

/// One more in a shared counter, for as long as it lives.
template <class Number>
class counted {
 public:
  counted() = default;
  explicit counted(std::atomic<Number>& in) noexcept : in_(&in) {
    in.fetch_add(1, std::memory_order_relaxed);
  }
  counted(counted&& other) noexcept : in_(std::exchange(other.in_, nullptr)) {}
  counted& operator=(counted&& other) noexcept {
    std::swap(in_, other.in_);
    return *this;
  }
  ~counted() {
    if (in_)
      in_->fetch_sub(1, std::memory_order_relaxed);
  }
  explicit operator bool() const noexcept { return in_ != nullptr; }

 private:
  std::atomic<Number>* in_ = nullptr;
};

/// What the ingest listener does, and the memory that it may use.
struct http_metrics {
  telemetry& in;
  /// By status.
  std::span<counter> responses = in.numbered(
    {"weir_http_responses_total", "Answers of the ingest listener.",
     "Answers of the ingest listener. A status that was never sent has no series."},
    "code", 600);
  counter& connections_accepted =
    in.counter({"weir_http_connections_accepted_total", "Connections accepted."});
  gauge& connections_open =
    in.gauge({"weir_http_connections_open", "Connections open now."});
  counter& received_bytes =
    in.counter({"weir_http_received_bytes_total", "Bytes of request bodies read."});
  gauge& budget_used_bytes =
    in.gauge({"weir_budget_used_bytes", "Bytes of the byte budget in use.",
              "Bytes of `ingest.budget_bytes` in use."});
  gauge& budget_max_bytes = in.gauge({"weir_budget_max_bytes", "The byte budget.",
                                      "`ingest.budget_bytes`, as it came to."});
};

struct ingest_state {
  ingest_state(const ingest_config& config_, ingest_context context_,
               std::shared_ptr<const ingest_limits> first)
    : config(config_), context(context_),
      gate({config_.budget_bytes, config_.batches_max, config_.waiters_max,
            first->shed_low, first->shed_normal, config_.delay_max}),
      rates(first->clients_max), metrics{context_.metrics}, records{context_.metrics},
      stage(context_.metrics.stage(role_name::gateway)),
      admission_queue(context_.metrics.queue("admission")),
      connections_queue(context_.metrics.queue("connections")),
      outstanding_queue(context_.metrics.queue("outstanding")),
      limits_(std::move(first)) {}

  std::shared_ptr<const ingest_limits> limits() const {
    const std::lock_guard guard{lock_};
    return limits_;
  }
  void set_limits(std::shared_ptr<const ingest_limits> next) {
    const std::lock_guard guard{lock_};
    limits_.swap(next);
  }

  /// How many batches one streamed request may have in flight now. The requests that have some
  /// share the window, which is at most a quarter of what admission lets in, so that others
  /// find room. Four (or the window, if less) are always allowed: they keep the workers busy
  /// while a group is synced.
  uint32_t streams_share() const {
    constexpr uint32_t share_min = 4;
    const auto all = std::min(config.streams_window, gate.allowed() / 4);
    const auto share = all / std::max(streaming.load(std::memory_order_relaxed), 1u);
    return std::max(share, std::min(config.streams_window, share_min));
  }

  const ingest_config config;
  const ingest_context context;
  admission gate;
  rate_limiter rates;
  std::shared_ptr<tls_context> tls; ///< null: plain; set before the threads start
  std::atomic<bool> draining{false};
  /// When the drain began, by the steady clock; set before `draining`.
  std::atomic<std::chrono::steady_clock::time_point> draining_since{};
  std::atomic<size_t> connections{0};
  std::atomic<size_t> requests{0};    ///< begun and not yet answered
  std::atomic<size_t> outstanding{0}; ///< batches without a receipt
  std::atomic<uint32_t> streaming{0}; ///< streamed requests with batches in flight

  const http_metrics metrics;
  const record_metrics records;
  stage_gauge& stage;
  queue_gauge& admission_queue;
  queue_gauge& connections_queue;
  queue_gauge& outstanding_queue;

 private:
  mutable std::mutex lock_;
  std::shared_ptr<const ingest_limits> limits_;
};

} // namespace weir
