#include "http/operations/operations.hpp"

#include "base/text.hpp"
#include "http/operations/operations_pages.hpp"
#include "http/operations/page_server.hpp"
#include "http/readiness_page.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace weir {

namespace {

bool same_digest(std::string_view token, std::string_view sha256_hex) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest);
  std::string hex;
  for (const auto byte : digest) {
    hex.push_back(hex_lower[byte >> 4]);
    hex.push_back(hex_lower[byte & 15]);
  }
  return hex.size() == sha256_hex.size()
         && CRYPTO_memcmp(hex.data(), sha256_hex.data(), hex.size()) == 0;
}

class server final : public operations_server {
 public:
  server(const operations_config& config, operations_context context)
    : config_(config), context_(std::move(context)) {}

  result<void> start() {
    routes();
    page_server_options options;
    options.host = config_.host;
    options.port = config_.port;
    // Probes are urgent: they are answered whatever pages are being made.
    auto served = page_server::start(
      options,
      [this](const request& asked, response& answer) { answer_request(asked, answer); },
      [](int status, response& answer) { refuse(status, answer); },
      [](std::string_view path) { return path == "/livez" || path == "/readyz"; });
    if (!served)
      return fail(ec::io_failed, "operations.listen: cannot listen on " + config_.host
                                   + ":" + std::to_string(config_.port)
                                   + ": is another node running on it?");
    served_ = std::move(*served);
    return {};
  }

  uint16_t port() const noexcept override { return served_->port(); }

 private:
  using request = page_request;
  using response = page_answer;
  using handler = std::function<void(const request&, response&)>;

  static void refuse(int status, response& answer) {
    if (status == 500)
      return problem(answer, 500, "internal_error",
                     "the page could not be made; see the log");
    problem(answer, status, "malformed_request",
            "the request is not valid HTTP, too large, or came too slowly");
  }

  void answer_request(const request& asked, response& answer) const {
    if (asked.method != "GET" && asked.method != "HEAD")
      return answer_write(asked, answer);
    constexpr std::string_view letters = "/dead-letters/";
    // 19 digits always fit in 64 bits.
    if (asked.path.starts_with(letters) && is_page(asked.path)
        && asked.path.size() > letters.size()
        && asked.path.size() <= letters.size() + 19) {
      if (allowed(asked, answer))
        show_dead_letter(asked, answer);
      return;
    }
    const auto found = std::find_if(pages_.begin(), pages_.end(),
                                    [&](const auto& p) { return p.first == asked.path; });
    found == pages_.end() ? no_such_page(answer) : found->second(asked, answer);
  }

  static void problem(response& answer, int status, std::string_view code,
                      std::string_view detail) {
    answer.status = status;
    answer.set_content(problem_page(status, code, detail), "application/problem+json");
  }

  static void json(response& answer, std::string body) {
    answer.set_content(std::move(body), "application/json");
  }

  bool allowed(const request& asked, response& answer) const {
    if (config_.token_sha256.empty())
      return true;
    static constexpr std::string_view scheme = "Bearer ";
    const std::string_view header = asked.authorization;
    if (header.starts_with(scheme)
        && same_digest(header.substr(scheme.size()), config_.token_sha256))
      return true;
    answer.set_header("WWW-Authenticate", "Bearer");
    problem(answer, 401, "unauthorized",
            "send the operations token: Authorization: Bearer …");
    return false;
  }

  /// Answers every method but GET and HEAD. The body is not read.
  void answer_write(const request& asked, response& answer) const {
    if (context_.crash_actor && asked.path == "/faults/crash")
      return fault(asked, answer);
    if (is_page(asked.path))
      return no_such_method(answer, "GET, HEAD");
    no_such_page(answer);
  }

  bool is_page(std::string_view path) const {
    constexpr std::string_view letters = "/dead-letters/";
    if (path.starts_with(letters))
      return path.find_first_not_of("0123456789", letters.size()) == path.npos;
    return std::any_of(pages_.begin(), pages_.end(),
                       [&](const auto& p) { return p.first == path; });
  }

  void fault(const request& asked, response& answer) const {
    if (asked.method != "POST")
      no_such_method(answer, "POST");
    else if (allowed(asked, answer))
      crash(asked, answer);
  }

  static void no_such_method(response& answer, const char* allow) {
    answer.set_header("Allow", allow);
    problem(answer, 405, "method_not_allowed", std::string{"allowed: "} + allow);
  }

  void no_such_page(response& answer) const {
    problem(answer, 404, "not_found", pages_text());
  }

  std::string pages_text() const {
    return std::string{"pages: /metrics /livez /healthz /readyz /actors /queues "
                       "/dead-letters"}
           + (context_.cluster ? " /cluster" : "");
  }

  void page(const char* path, handler make) {
    pages_.emplace_back(path, std::move(make));
  }

  void routes() {
    page("/metrics", [this](const request&, response& answer) {
      measure();
      answer.set_content(render_metrics(context_.metrics),
                         "text/plain; version=0.0.4; charset=utf-8");
    });
    for (const auto* live : {"/livez", "/healthz"})
      page(live,
           [](const request&, response& answer) { json(answer, R"({"live":true})"); });
    page("/", [this](const request&, response& answer) {
      answer.set_content("This is the operations listener of weir, a server that takes "
                         "records in and stores them durably; records go to its ingest "
                         "listener. "
                           + pages_text() + ".\n",
                         "text/plain; charset=utf-8");
    });
    page("/readyz", [this](const request&, response& answer) { ready(answer); });
    page("/actors", [this](const request&, response& answer) {
      measure();
      json(answer, actors_page(context_.view.actors()));
    });
    page("/queues", [this](const request&, response& answer) {
      measure();
      json(answer, queues_page(context_.metrics.queues()));
    });
    if (context_.cluster)
      page("/cluster", [this](const request&, response& answer) {
        json(answer, cluster_page(context_.cluster->snapshot()));
      });
    // Dead letters hold what clients sent: of all pages they alone need the token.
    page("/dead-letters", [this](const request& asked, response& answer) {
      if (allowed(asked, answer))
        list_dead_letters(asked, answer);
    });
  }

  void measure() const {
    if (context_.measure)
      context_.measure();
  }

  void ready(response& answer) const {
    const auto state = context_.view.ready();
    std::string page;
    append_readiness(page, state);
    answer.status = status_of(state);
    json(answer, std::move(page));
  }

  /// Reads a number of the query; leaves `value` when it is missing. False: it is no number.
  static bool number(const request& asked, const char* name, uint64_t& value) {
    if (!asked.has_param(name))
      return true;
    const auto text = asked.get_param_value(name);
    const auto end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stop == end;
  }

  void list_dead_letters(const request& asked, response& answer) const {
    dead_letter_query query;
    uint64_t limit = query.limit;
    if (!number(asked, "after", query.after) || !number(asked, "limit", limit)
        || limit < 1 || limit > 1000)
      return problem(answer, 400, "malformed_request",
                     "after and limit are whole numbers, limit from 1 to 1000");
    query.limit = limit;
    query.stream = asked.get_param_value("stream");
    query.bodies = asked.get_param_value("bodies") == "true";
    auto letters = context_.list_dead_letters(query);
    if (!letters)
      return problem(answer, 503, to_string(letters.error().code), letters.error().text);
    json(answer, dead_letters_page(std::move(*letters), query.bodies));
  }

  void show_dead_letter(const request& asked, response& answer) const {
    uint64_t id = 0;
    const auto text = std::string_view{asked.path}.substr(asked.path.rfind('/') + 1);
    std::from_chars(text.data(), text.data() + text.size(), id);
    const auto letter = context_.get_dead_letter(id);
    if (!letter)
      return problem(answer, 503, to_string(letter.error().code), letter.error().text);
    if (!*letter)
      return problem(answer, 404, "not_found", "no dead letter has this id");
    json(answer, dead_letter_page(**letter));
  }

  void crash(const request& asked, response& answer) const {
    const auto id = asked.get_param_value("actor");
    if (const auto done = context_.crash_actor(id); !done)
      return problem(answer, 404, "not_found", done.error().text);
    json(answer, R"({"crashed":true})");
  }

  operations_config config_;
  operations_context context_;
  /// All pages but those of single dead letters.
  std::vector<std::pair<std::string_view, handler>> pages_;
  std::unique_ptr<page_server> served_; ///< last, so that it ends first
};

} // namespace

result<std::unique_ptr<operations_server>>
operations_server::start(const operations_config& config, operations_context context) {
  auto made = std::make_unique<server>(config, std::move(context));
  if (auto started = made->start(); !started)
    return tl::unexpected(started.error());
  return std::unique_ptr<operations_server>{std::move(made)};
}

} // namespace weir
