// What the configuration says of the ingest listener. `ingest_config` is fixed while the
// process lives; `ingest_limits` is immutable too, but a reload makes a new one and swaps
// it in.
#pragma once

#include "http/wire/auth.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

class pipeline_port;
class catalog_holder;
class node_health;
class clock_source;
class telemetry;

/// Which coalescer made a batch, if any: it must hear of the batch's end.
enum class gathered : uint8_t { no, small, large };

struct ingest_config {
  std::string host = "127.0.0.1"; ///< an address, not a name
  uint16_t port = 8080;           ///< 0: the kernel chooses, see ingest_server::port()
  unsigned io_threads = 2;
  size_t connections_max = 10'000;  ///< over all threads; one more gets 503 and is closed
  std::string tls_certificate_file; ///< PEM chain; empty: no TLS
  std::string tls_key_file;         ///< PEM

  // -- deadlines, looked at once per `tick`
  std::chrono::milliseconds tick{250};
  std::chrono::milliseconds handshake_timeout{5'000};
  std::chrono::milliseconds head_timeout{
    5'000}; ///< from the head's first byte to its last
  std::chrono::milliseconds idle_timeout{75'000};       ///< between requests
  std::chrono::milliseconds body_stall_timeout{10'000}; ///< without a byte of the body
  std::chrono::milliseconds body_rate_window{5'000};    ///< the first one is the grace
  size_t body_rate_min = 1024;                          ///< bytes a second over a window
  std::chrono::milliseconds request_timeout{8'000}; ///< from submission to the receipt
  std::chrono::milliseconds write_timeout{30'000};  ///< for the client to take an answer
  /// A drain lasts at least this long while a connection is open, even an idle one.
  std::chrono::milliseconds drain_grace{250};

  // -- heads
  size_t head_bytes_max = size_t{16} << 10;
  size_t head_fields_max = 64; ///< at most request_head::fields_max

  // -- bodies
  uint64_t body_bytes_max = uint64_t{64} << 30; ///< as sent, and after inflating
  double inflate_ratio_max = 0;                 ///< 0: any
  uint64_t zstd_window_max = uint64_t{8} << 20;
  size_t batch_bytes = size_t{1} << 20;
  uint32_t batch_records = 4096;
  uint32_t streams_window = 4; ///< batches in flight of one streamed request

  // -- coalescing; windows are batches in flight per I/O thread
  size_t coalesce_bytes = size_t{64} << 10; ///< a longer body is not a small one
  uint32_t coalesce_window = 2;
  uint32_t coalesce_large_window = 4;
  /// A batch of small requests in flight for longer no longer counts in the window.
  std::chrono::milliseconds coalesce_wait{250};
  /// Who gathers a whole body of this weight. Above a quarter of a batch, copying it would cost
  /// more than a batch of its own.
  gathered gathers(uint64_t weight) const noexcept {
    if (weight <= coalesce_bytes)
      return gathered::small;
    return weight <= batch_bytes / 4 ? gathered::large : gathered::no;
  }

  // -- admission
  size_t budget_bytes = size_t{256} << 20;
  /// Bytes the pipeline holds per byte of body: raw, validated, transformed.
  double expansion = 3;
  uint32_t batches_max = 256; ///< in flight; those of small requests do not count
  size_t waiters_max = 10'000;
  std::chrono::milliseconds delay_max{1'000}; ///< see admission_limits
};

/// What a reload may change. Rates of streams come with the catalog.
struct ingest_limits {
  std::vector<api_key> keys;            ///< empty: everybody may send
  double client_records_per_second = 0; ///< per key or peer address; 0: no limit
  double client_burst_records = 0;      ///< 0: one second's worth
  size_t clients_max = 10'000; ///< remembered; the least recently seen goes first
  double shed_low = 0.60;      ///< `shed`: low priority is refused above this fill level
  double shed_normal = 0.85;   ///< and normal priority above this one
};

/// What the listener works with; all of it outlives the server.
struct ingest_context {
  pipeline_port& pipeline;
  catalog_holder& streams;
  telemetry& metrics;
  node_health& health;
  const clock_source& clock;
};

/// Bytes that a record may need beside its text: for its place, in up to three lists; and in
/// all, with the reason if it is refused.
inline constexpr size_t record_ref_charge_bytes = 40;
inline constexpr size_t record_charge_bytes = 384;
/// Pieces between a socket and a batch: input, coded text and decoded text.
inline constexpr size_t reader_bytes = size_t{256} << 10;

/// What a body of `bytes` (or the batch being made of it) is charged, in bytes of the budget:
/// 4 KiB for the request itself and its connection's buffers, its text, and what is made of
/// that: `expansion` - 1 times the text, or `each` per record if that is more. A refused
/// record has a reason in place of a text.
inline size_t budget_charge(const ingest_config& config, size_t bytes, size_t records = 0,
                            size_t each = record_charge_bytes) noexcept {
  const auto made =
    static_cast<size_t>(static_cast<double>(bytes) * (config.expansion - 1));
  return 4096 + bytes + std::max(made, records * each);
}

/// The same before the records are counted: each has at least two bytes.
inline size_t unread_charge(const ingest_config& config, size_t bytes) noexcept {
  return budget_charge(config, bytes,
                       std::min<size_t>(bytes / 2 + 1, config.batch_records + size_t{1}),
                       record_ref_charge_bytes);
}

/// The same for a batch of a body that is longer, or of unknown length.
inline size_t batch_charge(const ingest_config& config) noexcept {
  return unread_charge(config, config.batch_bytes);
}

} // namespace weir
