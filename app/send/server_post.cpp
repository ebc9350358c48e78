#include "app/send/server_post.hpp"

#include "app/config/config_text.hpp"

#include <algorithm>
#include <random>
#include <thread>

namespace weir {
namespace {

/// All authorities there are take 1 MiB.
constexpr size_t ca_bytes_max = size_t{16} << 20;

/// A mistyped address should show soon, not after the kernel's patience.
constexpr std::chrono::seconds connect_time_max{4};

std::chrono::seconds bounded(std::chrono::seconds usual,
                             std::chrono::milliseconds timeout) {
  const auto most = std::chrono::ceil<std::chrono::seconds>(timeout);
  return most.count() > 0 ? std::min(usual, most) : usual;
}

} // namespace

result<patient_post> post_to_server(const server_options& options, interruption* stop) {
  auto url = parse_url(options.url);
  if (!url)
    return fail(ec::malformed_request, "--url: " + url.error().text);
  // Read only to tell a wrong path before anything is sent.
  if (!options.ca_file.empty())
    if (const auto read = read_file(options.ca_file, ca_bytes_max); !read)
      return fail(ec::io_failed, "--ca-file: " + read.error().text);
  client_options with;
  with.ca_file = options.ca_file;
  with.connect_timeout = bounded(connect_time_max, options.timeout);
  with.answer_timeout = bounded(with.answer_timeout, options.timeout);
  const auto client = std::make_shared<http_client>(*url, with);
  auto post = [client](std::string_view path, std::string_view content_type,
                       const header_fields& fields, std::string_view body) {
    return client->post(path, content_type, fields, body);
  };
  auto sleep = [stop](std::chrono::milliseconds wait) {
    if (stop)
      stop->sleep(wait);
    else
      std::this_thread::sleep_for(wait);
  };
  patient_post patient{
    std::move(post), std::move(sleep),
    retry_policy{options.retries, std::random_device{}(), options.timeout},
    options.api_key, options.ack};
  if (stop) {
    stop->abandon_with([client] { client->abandon(); });
    patient.stop_when([stop] { return stop->asked(); });
  }
  return patient;
}

} // namespace weir
