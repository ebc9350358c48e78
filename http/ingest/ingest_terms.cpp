#include "http/ingest/ingest_terms.hpp"

#include "http/wire/answer.hpp"
#include "records/inflate.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir {

namespace {

constexpr size_t key_bytes_max = 128;
// version, trace id, span id and flags of traceparent
constexpr size_t trace_bytes_max = 55;

auto malformed(std::string text) {
  return fail(ec::malformed_request, std::move(text));
}

/// If one of these fields came twice, a proxy before us might have read the other one.
result<void> check_singles(const request_head& head) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 7> singles{
    {{"authorization", "Authorization"},
     {"content-type", "Content-Type"},
     {"content-encoding", "Content-Encoding"},
     {"expect", "Expect"},
     {"idempotency-key", "Idempotency-Key"},
     {"weir-ack", "Weir-Ack"},
     {"weir-priority", "Weir-Priority"}}};
  for (const auto& [name, shown] : singles)
    if (head.count(name) > 1)
      return malformed(std::string{"more than one "} + shown + " field");
  return {};
}

result<void> check_key(const request_head& head, ingest_terms& out) {
  if (out.limits->keys.empty())
    return {};
  auto tenant = authenticate(out.limits->keys, head.find("authorization").value_or(""));
  if (!tenant)
    return tl::unexpected(std::move(tenant.error()));
  if (!(*tenant)->may_send_to(out.stream->settings.name))
    return fail(ec::forbidden,
                "the API key may not send to stream " + out.stream->settings.name);
  out.tenant = *tenant;
  return {};
}

result<void> read_expectation(const request_head& head, ingest_terms& out) {
  const auto expect = head.find("expect");
  if (!expect || head.version == 10)
    return {};
  if (!same_text(*expect, "100-continue"))
    return fail(ec::expectation_failed,
                "the only expectation understood is 100-continue");
  out.expects_continue = true;
  return {};
}

result<void> read_length(const request_head& head, const ingest_config& config,
                         ingest_terms& out) {
  if (!head.chunked && !head.content_length)
    return fail(ec::length_required, "send Content-Length or Transfer-Encoding: chunked");
  if (head.content_length && *head.content_length > config.body_bytes_max)
    return fail(ec::body_too_large, "the body has " + std::to_string(*head.content_length)
                                      + " bytes; the limit is "
                                      + std::to_string(config.body_bytes_max));
  out.length = head.content_length;
  return {};
}

result<void> read_media_type(const request_head& head, ingest_terms& out) {
  const auto type = head.find("content-type");
  out.said_to_be_form = type && is_form_type(*type);
  if (type && !type->empty() && !out.said_to_be_form) {
    auto read = media_type_of(*type);
    if (!read)
      return tl::unexpected(std::move(read.error()));
    out.type = *read;
  }
  const auto coding = head.find("content-encoding").value_or("");
  if (coding.empty() || same_text(coding, "identity"))
    return {};
  // Codings have no case (RFC 9110 §8.4.1); from here on they are in lower case.
  out.coding.assign(coding);
  std::transform(coding.begin(), coding.end(), out.coding.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  if (out.coding != "gzip" && out.coding != "x-gzip" && out.coding != "zstd")
    return fail(ec::unsupported_media_type, "Content-Encoding must be gzip or zstd, not "
                                              + std::string{excerpt(coding)});
  return {};
}

result<void> read_idempotency_key(const request_head& head, ingest_terms& out) {
  const auto key = head.find("idempotency-key");
  if (!key)
    return {};
  if (key->empty() || key->size() > key_bytes_max)
    return malformed("an Idempotency-Key has 1 to 128 bytes, not "
                     + std::to_string(key->size()));
  out.key.assign(*key);
  return {};
}

result<void> read_ack(const request_head& head, ingest_terms& out) {
  out.ack = out.stream->settings.ack;
  if (const auto ack = head.find("weir-ack")) {
    if (same_text(*ack, "accepted"))
      out.ack = ack_level::accepted;
    else if (same_text(*ack, "durable"))
      out.ack = ack_level::durable;
    else if (same_text(*ack, "stored"))
      out.ack = ack_level::stored;
    else
      return malformed("Weir-Ack must be accepted, durable or stored, not "
                       + std::string{excerpt(*ack)});
    return {};
  }
  // RFC 7240: a client that prefers respond-async asks for the same as `accepted`.
  for (size_t i = 0; i < head.field_count; ++i)
    if (same_text(head.fields[i].name, "prefer")
        && list_has(head.fields[i].value, "respond-async"))
      out.ack = ack_level::accepted;
  return {};
}

result<void> read_priority(const request_head& head, ingest_terms& out) {
  out.level = out.stream->settings.level;
  const auto level = head.find("weir-priority");
  if (!level)
    return {};
  if (same_text(*level, "low"))
    out.level = priority::low;
  else if (same_text(*level, "normal"))
    out.level = priority::normal;
  else if (same_text(*level, "high"))
    out.level = priority::high;
  else
    return malformed("Weir-Priority must be low, normal or high, not "
                     + std::string{excerpt(*level)});
  return {};
}

/// W3C trace context: a field of another shape is ignored, as its rules say.
void read_trace(const request_head& head, ingest_terms& out) {
  const auto trace = head.find("traceparent").value_or("");
  const bool shaped =
    head.count("traceparent") == 1 && trace.size() == trace_bytes_max
    && trace.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
  if (shaped)
    out.trace.assign(trace);
}

} // namespace

routed find_route(std::string_view path) noexcept {
  static constexpr std::string_view prefix = "/ingest/";
  if (path == "/ingest")
    return {route::ingest, "default"};
  // A stream's name is one segment: it has no slash.
  if (path.substr(0, prefix.size()) == prefix && path.size() > prefix.size()
      && path.find('/', prefix.size()) == std::string_view::npos)
    return {route::ingest, path.substr(prefix.size())};
  if (path == "/livez" || path == "/healthz")
    return {route::livez, {}};
  if (path == "/readyz")
    return {route::readyz, {}};
  if (path == "/")
    return {route::root, {}};
  if (path == "*")
    return {route::server, {}};
  return {};
}

std::string_view allowed_methods(route where) noexcept {
  if (where == route::server)
    return "GET, HEAD, OPTIONS, POST, PUT";
  return where == route::ingest ? "OPTIONS, POST, PUT" : "GET, HEAD, OPTIONS";
}

bool allows(route where, std::string_view method) noexcept {
  if (method == "OPTIONS" || where == route::server)
    return true;
  return where == route::ingest ? method == "POST" || method == "PUT"
                                : method == "GET" || method == "HEAD";
}

result<ingest_terms> read_terms(const request_head& head, std::string_view stream,
                                catalog_ptr streams,
                                std::shared_ptr<const ingest_limits> limits,
                                const ingest_config& config) {
  ingest_terms out;
  out.stream = streams->find(stream);
  if (!out.stream)
    return fail(ec::unknown_stream,
                "no stream is called " + std::string{excerpt(stream)});
  // `out.stream` points into the catalog, which the terms keep alive.
  out.streams = std::move(streams);
  out.limits = std::move(limits);
  return check_singles(head)
    .and_then([&] { return check_key(head, out); })
    .and_then([&] { return read_expectation(head, out); })
    .and_then([&] { return read_length(head, config, out); })
    .and_then([&] { return read_media_type(head, out); })
    .and_then([&] { return read_idempotency_key(head, out); })
    .and_then([&] { return read_ack(head, out); })
    .and_then([&] { return read_priority(head, out); })
    .map([&] {
      read_trace(head, out);
      return std::move(out);
    });
}

rate_limiter::subject rate_subject(const ingest_terms& terms,
                                   std::string_view peer) noexcept {
  const auto& settings = terms.stream->settings;
  rate_limiter::subject who;
  who.stream = settings.name;
  who.stream_rate = {settings.records_per_second, settings.burst_records};
  who.client = terms.tenant ? terms.tenant_name() : peer;
  who.client_rate = {terms.limits->client_records_per_second,
                     terms.limits->client_burst_records};
  if (terms.tenant && terms.tenant->records_per_second > 0)
    who.client_rate = {terms.tenant->records_per_second, terms.tenant->burst_records};
  return who;
}

} // namespace weir
