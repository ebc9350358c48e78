#include "http/operations.hpp"

#include "http/operations_pages.hpp"
#include "http/readiness_page.hpp"

#include <httplib.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <thread>
#include <utility>

namespace weir {

namespace {

/// cpp-httplib's own options set SO_REUSEPORT, which would let two nodes share one
/// address.
void exclusive_address(socket_t socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/// cpp-httplib's pool with a bounded queue.
class bounded_pool final : public httplib::TaskQueue {
 public:
  explicit bounded_pool(size_t threads) : pool_(threads) {}
  void enqueue(std::function<void()> work) override {
    // Closing is what running the task on a stopped server does; past the bound it is
    // better to run it here, on the accepting thread: new connections then wait in the
    // kernel's backlog.
    if (waiting_.load() >= waiting_max) {
      work();
      return;
    }
    ++waiting_;
    pool_.enqueue([this, work = std::move(work)] {
      --waiting_;
      work();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  static constexpr int waiting_max = 64;
  httplib::ThreadPool pool_;
  std::atomic<int> waiting_{0};
};

bool same_digest(std::string_view token, std::string_view sha256_hex) {
  static constexpr char digits[] = "0123456789abcdef";
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest);
  std::string hex;
  for (const auto byte : digest) {
    hex.push_back(digits[byte >> 4]);
    hex.push_back(digits[byte & 15]);
  }
  return hex.size() == sha256_hex.size()
         && CRYPTO_memcmp(hex.data(), sha256_hex.data(), hex.size()) == 0;
}

class server final : public operations_server {
 public:
  server(const operations_config& config, operations_context context)
    : config_(config), context_(std::move(context)) {}

  ~server() override {
    if (!thread_.joinable())
      return;
    while (!http_.is_running() && !finished_)
      std::this_thread::yield(); // stop() before listen() began would be lost
    http_.stop();
    thread_.join();
  }

  result<void> start() {
    http_.set_socket_options([this](socket_t socket) {
      exclusive_address(socket);
      listening_ = socket; // of several addresses of a name, the last is the one
    });
    http_.set_payload_max_length(size_t{64} << 10);
    // A connection occupies a thread as long as it is open: that must not be long.
    http_.set_keep_alive_max_count(1);
    http_.set_keep_alive_timeout(1); // before the first byte
    http_.set_read_timeout(2);
    http_.set_write_timeout(5);
    http_.new_task_queue = [threads = config_.threads] {
      return new bounded_pool(threads);
    };
    http_.set_exception_handler([](const auto&, auto& answer, std::exception_ptr) {
      problem(answer, 500, "internal_error", "the page could not be made; see the log");
    });
    http_.set_error_handler([this](const request&, response& answer) {
      if (!answer.body.empty())
        return;
      if (answer.status == 404)
        return no_such_page(answer);
      problem(answer, answer.status, "malformed_request",
              "the request is not valid HTTP, too large, or came too slowly");
    });
    http_.set_pre_routing_handler([this](const request& asked, response& answer) {
      using outcome = httplib::Server::HandlerResponse;
      if (asked.method == "GET" || asked.method == "HEAD")
        return outcome::Unhandled;
      answer_write(asked, answer);
      return outcome::Handled;
    });
    routes();
    if (!bind())
      return fail(ec::io_failed, "operations.listen: cannot listen on " + config_.host
                                   + ":" + std::to_string(config_.port)
                                   + ": is another node running on it?");
    thread_ = std::thread{[this] {
      http_.listen_after_bind();
      finished_ = true;
    }};
    return {};
  }

  uint16_t port() const noexcept override { return config_.port; }

 private:
  using request = httplib::Request;
  using response = httplib::Response;

  bool bind() {
    if (config_.port != 0)
      return http_.bind_to_port(config_.host, config_.port) && lengthen_backlog();
    const auto port = http_.bind_to_any_port(config_.host);
    config_.port = static_cast<uint16_t>(port > 0 ? port : 0);
    return port > 0 && lengthen_backlog();
  }

  /// cpp-httplib's is 5: the sixth of those that come at once tries again a second later.
  bool lengthen_backlog() { return ::listen(listening_, SOMAXCONN) == 0; }

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
    const auto header = asked.get_header_value("Authorization");
    if (asked.get_header_value_count("Authorization") > 1) {
      problem(answer, 400, "malformed_request", "more than one Authorization field");
      return false;
    }
    if (header.starts_with(scheme)
        && same_digest(std::string_view{header}.substr(scheme.size()),
                       config_.token_sha256))
      return true;
    answer.set_header("WWW-Authenticate", "Bearer");
    problem(answer, 401, "unauthorized",
            "send the operations token: Authorization: Bearer …");
    return false;
  }

  /// All that is no GET or HEAD. Before its body: without Content-Length cpp-httplib would
  /// take what comes until the client closes for one, and wait for it.
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
    return std::find(pages_.begin(), pages_.end(), path) != pages_.end();
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

  void page(const char* path, httplib::Server::Handler handler) {
    pages_.emplace_back(path);
    http_.Get(path, std::move(handler));
  }

  void routes() {
    page("/metrics", [this](const request&, response& answer) {
      measure();
      answer.set_content(
        render_metrics(context_.figures, context_.build, context_.cluster),
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
      json(answer, queues_page(context_.figures.queues()));
    });
    if (context_.cluster)
      page("/cluster", [this](const request&, response& answer) {
        json(answer, cluster_page(context_.cluster->snapshot()));
      });
    page("/dead-letters", [this](const request& asked, response& answer) {
      if (allowed(asked, answer))
        list_dead_letters(asked, answer);
    });
    http_.Get(R"(/dead-letters/(\d{1,19}))",
              [this](const request& asked, response& answer) {
                if (allowed(asked, answer))
                  show_dead_letter(asked, answer);
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

  /// A number in the query, or nothing when it is missing; false when it is no number.
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
    const auto text = asked.matches[1].str();
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
  httplib::Server http_;
  socket_t listening_ = INVALID_SOCKET;
  std::vector<std::string_view> pages_; ///< beside those of dead letters
  std::thread thread_;
  std::atomic<bool> finished_{false};
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
