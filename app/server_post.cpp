#include "app/server_post.hpp"

#include "app/config_text.hpp"

#include <random>
#include <thread>

namespace weir {
namespace {

constexpr size_t ca_bytes_max = size_t{16}
                                << 20; ///< all authorities there are take 1 MiB

} // namespace

result<patient_post> post_to_server(const server_options& options) {
  auto url = parse_url(options.url);
  if (!url)
    return fail(ec::malformed_request, "--url: " + url.error().text);
  if (!options.ca_file.empty())
    if (const auto read = read_file(options.ca_file, ca_bytes_max); !read)
      return fail(ec::io_failed, "--ca-file: " + read.error().text);
  client_options with;
  with.ca_file = options.ca_file;
  const auto client = std::make_shared<http_client>(*url, with);
  auto post = [client](std::string_view path, std::string_view content_type,
                       const header_fields& fields, std::string_view body) {
    return client->post(path, content_type, fields, body);
  };
  auto sleep = [](std::chrono::milliseconds wait) { std::this_thread::sleep_for(wait); };
  return patient_post{std::move(post), std::move(sleep),
                      retry_policy{options.retries, std::random_device{}()},
                      options.api_key, options.ack};
}

} // namespace weir
