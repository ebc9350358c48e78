#include "app/server_post.hpp"

#include <random>
#include <thread>

namespace weir {

result<patient_post> post_to_server(const server_options& options) {
  auto url = parse_url(options.url);
  if (!url)
    return tl::unexpected(url.error());
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
