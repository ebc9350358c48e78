// INGEST TERMS: what one request asks for, read from its head and checked against the
// catalog and the keys before a byte of its body is read. Pure: no socket, no state.
#pragma once

#include "base/result.hpp"
#include "http/ingest/ingest_settings.hpp"
#include "http/ingest/rate_limit.hpp"
#include "http/wire/request_head.hpp"
#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/formats/media_type.hpp"

#include <memory>
#include <optional>
#include <string>

namespace weir {

/// Keeps alive what it points to: a reload in the middle of a request changes nothing for
/// it.
struct ingest_terms {
  catalog_ptr streams;
  std::shared_ptr<const ingest_limits> limits;
  const stream_spec* stream = nullptr;
  const api_key* tenant = nullptr; ///< null when no keys are configured
  priority level = priority::normal;
  ack_level ack = ack_level::durable;
  std::optional<media_type> type; ///< empty: to be sniffed
  bool said_to_be_form = false;   ///< curl says so of all that it sends
  std::string coding;             ///< gzip, zstd, …; empty for none
  std::optional<uint64_t> length; ///< empty: chunked
  std::string key;                ///< Idempotency-Key, empty when none came
  std::string trace;
  bool expects_continue = false;

  std::string_view tenant_name() const noexcept {
    return tenant ? std::string_view{tenant->name} : std::string_view{};
  }
};

enum class route : uint8_t {
  ingest,
  livez, ///< `/healthz` as well: half the world asks for that
  readyz,
  root,   ///< `/`: what this is
  server, ///< `*`: OPTIONS asks what may be done here at all
  unknown
};

struct routed {
  route where = route::unknown;
  std::string_view stream; ///< for ingest; a view into the path
};

routed find_route(std::string_view path) noexcept;
/// The methods a route knows, for `Allow`. PUT is POST: `curl -T file` says so.
std::string_view allowed_methods(route where) noexcept;
bool allows(route where, std::string_view method) noexcept;

/// In this order: stream, fields that came twice, key, body framing, media type and coding,
/// the weir fields. The first that fails is the answer.
result<ingest_terms> read_terms(const request_head& head, std::string_view stream,
                                catalog_ptr streams,
                                std::shared_ptr<const ingest_limits> limits,
                                const ingest_config& config);

/// Who is charged for the request's records. Views into the terms and `peer`.
rate_limiter::subject rate_subject(const ingest_terms& terms,
                                   std::string_view peer) noexcept;

} // namespace weir
