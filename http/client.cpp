#include "http/client.hpp"

#include <algorithm>
#include <charconv>

#include <httplib.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace weir {
namespace {

bool printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool parse_port(std::string_view text, uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port > 0;
}

/// Splits `host[:port]` or `[v6][:port]`; false when it is neither.
bool parse_authority(std::string_view text, http_url& url) {
  std::string_view port;
  // In brackets colons belong to the address; only `]` may be followed by a port.
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos)
      return false;
    url.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':')
      return false;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    url.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  return !url.host.empty() && (port.empty() || parse_port(port.substr(1), url.port));
}

/// True for failures that come again however often the request is sent.
bool lasting(httplib::Error error) {
  switch (error) {
  case httplib::Error::SSLLoadingCerts:
  case httplib::Error::SSLServerVerification:
    return true;
  case httplib::Error::SSLConnection: // the other side answered, but not in TLS
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
  default:
    return false;
  }
}

fault no_answer(const http_url& server, std::string_view reason,
                ec code = ec::io_failed) {
  return {code,
          server.host + ':' + std::to_string(server.port) + ": " + std::string{reason}};
}

/// Why a host's name has no address; empty if it has one.
std::string unknown_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure == 0)
    ::freeaddrinfo(found);
  return failure == 0 ? ""
                      : "the name has no address (" + std::string{::gai_strerror(failure)}
                          + "): is it spelled right?";
}

/// httplib's own texts are one word each.
std::string reason_of(httplib::Error error, const std::string& host) {
  switch (error) {
  case httplib::Error::Connection:
    // httplib does not tell an unknown name from a refused connection: the resolver does.
    if (auto why = unknown_host(host); !why.empty())
      return why;
    return "cannot connect: is a node running, and is this the right one of its "
           "addresses?";
  case httplib::Error::ConnectionTimeout:
    return "no connection in time: is this the right address, and is no firewall in "
           "between?";
  case httplib::Error::Read:
    return "the connection ended before the answer, or the answer did not come in time";
  case httplib::Error::Write:
    return "the connection ended while the request was sent";
  case httplib::Error::SSLConnection:
    return "no TLS connection: does the listener speak TLS?";
  case httplib::Error::SSLLoadingCerts:
    return "cannot read the certificates of --ca-file";
  case httplib::Error::SSLServerVerification:
    return "the certificate is not trusted: name its authority with --ca-file";
  default:
    break;
  }
  return httplib::to_string(error);
}

} // namespace

result<http_url> parse_url(std::string_view text) {
  http_url url;
  const auto whole = text;
  if (text.starts_with("https://"))
    url.tls = true;
  else if (!text.starts_with("http://"))
    return fail(ec::malformed_request,
                std::string{whole} + ": expected a URL like http://127.0.0.1:8080");
  url.port = url.tls ? 443 : 80;
  text.remove_prefix(url.tls ? 8 : 7);
  const auto slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  while (url.path.ends_with('/'))
    url.path.pop_back();
  // A user, query or fragment is refused: the requests would leave it out without a word.
  const bool clean = printable_ascii(whole) && whole.find_first_of(" ?#@") == whole.npos;
  if (!clean || !parse_authority(text.substr(0, slash), url))
    return fail(ec::malformed_request, std::string{whole}
                                         + ": expected scheme, host and port only, like "
                                           "http://127.0.0.1:8080");
  return url;
}

struct http_client::connection {
  result<http_answer> send(httplib::Request& request);

  http_url server;
  client_options options;
  httplib::Client client;

  connection(const http_url& url, const client_options& with)
    : server(url), options(with),
      client((url.tls ? "https://" : "http://") + bracketed(url.host) + ':'
             + std::to_string(url.port)) {
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    client.set_connection_timeout(options.connect_timeout);
    client.set_read_timeout(options.answer_timeout);
    client.set_write_timeout(options.answer_timeout);
    client.set_follow_location(false);
    if (!options.ca_file.empty())
      client.set_ca_cert_path(options.ca_file);
  }

  static std::string bracketed(const std::string& host) {
    return host.find(':') == std::string::npos ? host : '[' + host + ']';
  }
};

http_client::http_client(const http_url& server, const client_options& options)
  : connection_(std::make_unique<connection>(server, options)) {}

http_client::~http_client() = default;

void http_client::abandon() noexcept {
  connection_->client.stop();
}

result<http_answer> http_client::connection::send(httplib::Request& request) {
  if (!client.is_valid())
    return tl::unexpected(no_answer(server, "cannot be used: check the URL and --ca-file",
                                    ec::malformed_request));
  http_answer answer;
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    answer.body.append(data, size);
    return answer.body.size() <= options.answer_bytes_max;
  };
  httplib::Response response;
  auto error = httplib::Error::Success;
  // lasting() looks at the thread's oldest OpenSSL error, which must be this request's.
  ERR_clear_error();
  if (!client.send(request, response, error)) {
    // Once connected, the server may have the whole request: the outcome is not known.
    const bool connected = error == httplib::Error::Read || error == httplib::Error::Write
                           || error == httplib::Error::Canceled
                           || error == httplib::Error::Unknown;
    const auto code = lasting(error) ? ec::malformed_request
                      : connected    ? ec::deadline_exceeded
                                     : ec::io_failed;
    return tl::unexpected(no_answer(server, reason_of(error, server.host), code));
  }
  answer.status = response.status;
  answer.retry_after = response.get_header_value("Retry-After");
  return answer;
}

result<http_answer> http_client::post(std::string_view path,
                                      std::string_view content_type,
                                      const header_fields& fields,
                                      std::string_view body) {
  httplib::Request request;
  request.method = "POST";
  request.path = connection_->server.path + std::string{path};
  request.body = body;
  if (!content_type.empty())
    request.set_header("Content-Type", std::string{content_type});
  for (const auto& [name, value] : fields) {
    // A line end in a value would begin another field.
    if (!printable_ascii(value))
      return fail(ec::malformed_request,
                  name + ": has bytes that no header field may have");
    request.set_header(name, value);
  }
  return connection_->send(request);
}

result<http_answer> http_client::get(std::string_view path) {
  httplib::Request request;
  request.method = "GET";
  request.path = connection_->server.path + std::string{path};
  return connection_->send(request);
}

} // namespace weir
