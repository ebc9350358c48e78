// PATIENT POST: one request to the ingest listener, sent again while the answer is
// passing. Every request has an Idempotency-Key, so that a repetition stores nothing
// twice. Unless `ack` is given, the stream decides what a 2xx waits for; but a 202 has no
// verdict on the records, so where a stream's `ack` is `accepted`, the request is
// repeated for its verdict, and later ones ask for it at once.
#pragma once

#include "app/send/retry.hpp"
#include "http/client.hpp"
#include "proto/batch.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace weir {

/// The network: http_client::post, or a test.
using post_function =
  std::function<result<http_answer>(std::string_view path, std::string_view content_type,
                                    const header_fields& fields, std::string_view body)>;
using sleep_function = std::function<void(std::chrono::milliseconds)>;
/// Told before every wait: how long, and why.
using wait_function =
  std::function<void(std::chrono::milliseconds, const std::string& why)>;

struct outgoing {
  std::string path;
  std::string_view content_type;
  std::string idempotency_key;
  std::string_view body;
};

class patient_post {
 public:
  /// `api_key` may be empty: then no Authorization is sent. `ack` is what a 2xx waits for,
  /// `durable` or `stored`; empty: what the stream says.
  patient_post(post_function post, sleep_function sleep, retry_policy retry,
               std::string api_key, std::string ack = {});

  /// Sets what is asked after each wait: once it says yes, nothing is repeated any more.
  void stop_when(std::function<bool()> stopped) { stopped_ = std::move(stopped); }

  /// The last answer, whatever its status, or why none came.
  result<http_answer> operator()(const outgoing& request, const wait_function& waiting);

  /// True if the last request was sent more than once: a duplicate may be of its own making.
  bool repeated() const noexcept { return repeated_; }
  /// True if one of those times ended without an answer, or with one that does not tell
  /// what is stored.
  bool uncertain() const noexcept { return uncertain_; }

 private:
  header_fields fields_of(const outgoing& request) const;
  post_function post_;
  sleep_function sleep_;
  retry_policy retry_;
  std::string api_key_;
  std::string ack_;
  std::function<bool()> stopped_ = [] { return false; };
  bool repeated_ = false;
  bool uncertain_ = false;
};

/// `HTTP 503: The node is at its capacity: …`, from problem+json or without one. One
/// line.
std::string problem_text(const http_answer& answer);

} // namespace weir
