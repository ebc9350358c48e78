// INGEST SERVER: the listener of `POST /ingest…`, `/livez` and `/readyz` (docs/http.md is
// what its clients see). It has N I/O threads, each with its own listening socket on the one
// port; every connection lives on one of them. The only way into the pipeline is
// pipeline_port, and the only way back are receipts: no actor is known here.
//
//   Bounded:     connections, bytes of unfinished requests, batches in flight:
//                see ingest_config.
//   On failure:  an exception ends the connection it came from. A pipeline that is
//                away: 503.
#pragma once

#include "base/result.hpp"
#include "http/ingest/ingest_settings.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace weir {

class ingest_server {
 public:
  /// Binds, starts the threads and is open when it returns. Failure: invalid_config (a
  /// bound that can't work, certificate or key) or io_failed (the port is taken), with
  /// what to change.
  static result<std::unique_ptr<ingest_server>>
  start(const ingest_config& config, std::shared_ptr<const ingest_limits> limits,
        ingest_context context);
  ~ingest_server(); ///< stop()

  uint16_t port() const noexcept;

  // The rest may be called from any thread.

  /// Applies to new requests; those under way keep the limits they began with.
  void swap_limits(std::shared_ptr<const ingest_limits> limits);
  /// Accepts the connections that wait already, and no more; a new request gets 503; the
  /// answer to one under way says Connection: close.
  void stop_accepting();
  /// Requests without an answer and batches without a receipt, and one more during
  /// ingest_config::drain_grace while a connection is open. 0 after stop_accepting(): drained.
  size_t in_flight() const noexcept;
  /// Updates the gauges of budget, credit and queues; called before they are shown.
  void measure() const;
  /// Closes what is open and joins the threads. The pipeline finishes what it has.
  void stop();

 private:
  struct impl;
  explicit ingest_server(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

} // namespace weir
