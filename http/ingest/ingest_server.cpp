#include "http/ingest/ingest_server.hpp"

#include "http/ingest/io_thread.hpp"
#include "proto/health.hpp"
#include "proto/ports.hpp"

#include <vector>

namespace weir {

struct ingest_server::impl {
  impl(const ingest_config& config, ingest_context context,
       std::shared_ptr<const ingest_limits> limits)
    : state(config, context, std::move(limits)) {}

  ingest_state state;
  std::vector<std::unique_ptr<io_thread>> threads;
  uint16_t port = 0;
  bool stopped = false;
};

namespace {

auto invalid(std::string text) {
  return fail(ec::invalid_config, std::move(text));
}

result<void> check(const ingest_config& c, const ingest_limits* limits) {
  if (!limits)
    return invalid("ingest: no limits were given");
  if (c.io_threads == 0 || c.io_threads > 64)
    return invalid("ingest: io_threads must be 1 to 64");
  if (c.batch_bytes == 0 || c.batch_bytes > (size_t{1} << 30) || c.batch_records == 0)
    return invalid("ingest: a batch needs at least one record and at most 1 GiB");
  if (c.coalesce_bytes > c.batch_bytes || c.coalesce_window == 0
      || c.coalesce_large_window == 0 || c.streams_window == 0)
    return invalid("ingest: coalesce_bytes must not be over batch_bytes, windows not 0");
  if (c.expansion < 1 || c.batches_max == 0 || c.tick.count() <= 0)
    return invalid("ingest: expansion is at least 1, batches_max and tick at least one");
  if (c.budget_bytes < 2 * batch_charge(c))
    return invalid("ingest: budget_bytes must hold two batches: at least "
                   + std::to_string(2 * batch_charge(c)));
  if (c.tls_certificate_file.empty() != c.tls_key_file.empty())
    return invalid("ingest: TLS needs both a certificate file and a key file");
  return {};
}

void describe_queues(ingest_state& state) {
  const auto& c = state.config;
  const auto describe = [&](const char* name, size_t capacity, queue_answers said) {
    state.context.metrics.describe_queue(name, static_cast<int64_t>(capacity),
                                         std::move(said));
  };
  describe("admission", c.budget_bytes,
           {"bytes", "ingest.budget_bytes",
            "new requests, before their body is read, for the stream's admission_wait",
            "yes: the client's body stays in the client", "503 with Retry-After"});
  describe("connections", c.connections_max,
           {"connections", "ingest.connections_max", "nobody",
            "yes: a client tries again or elsewhere", "503 and close"});
  // A batch of small requests has no credit; a thread has at most coalesce_window of them.
  describe("outstanding", c.batches_max + size_t{c.io_threads} * c.coalesce_window,
           {"batches",
            "ingest.batches_in_flight + ingest.threads × ingest.coalesce_window",
            "small requests gather in larger batches; streamed bodies stay unread",
            "yes: all of it is charged to the budget", "admission refuses: 503"});
  state.metrics.budget_max_bytes.store(static_cast<int64_t>(c.budget_bytes));
  state.stage.credit_available.store(c.batches_max);
}

} // namespace

ingest_server::ingest_server(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

ingest_server::~ingest_server() {
  stop();
}

result<std::unique_ptr<ingest_server>>
ingest_server::start(const ingest_config& config,
                     std::shared_ptr<const ingest_limits> limits,
                     ingest_context context) {
  if (auto checked = check(config, limits.get()); !checked)
    return tl::unexpected(std::move(checked.error()));
  if (auto is_free = check_port_is_free(config.host, config.port); !is_free)
    return tl::unexpected(std::move(is_free.error()));
  auto made = std::make_unique<impl>(config, context, std::move(limits));
  if (!config.tls_certificate_file.empty()) {
    auto loaded = tls_context::load(config.tls_certificate_file, config.tls_key_file);
    if (!loaded)
      return tl::unexpected(std::move(loaded.error()));
    made->state.tls = std::move(*loaded);
  }
  made->port = config.port;
  // With port 0 the kernel chooses for the first thread, and the others share its choice.
  for (unsigned i = 0; i < config.io_threads; ++i) {
    made->threads.push_back(std::make_unique<io_thread>(made->state));
    if (auto listening = made->threads.back()->listen(made->port); !listening)
      return tl::unexpected(std::move(listening.error()));
    made->port = made->threads.back()->port();
  }
  describe_queues(made->state);
  for (auto& thread : made->threads)
    thread->start();
  context.health.ask_admission([&gate = made->state.gate] { return gate.saturated(); });
  return std::unique_ptr<ingest_server>(new ingest_server(std::move(made)));
}

uint16_t ingest_server::port() const noexcept {
  return impl_->port;
}

void ingest_server::swap_limits(std::shared_ptr<const ingest_limits> limits) {
  impl_->state.gate.set_shed_levels(limits->shed_low, limits->shed_normal);
  impl_->state.rates.set_clients_max(limits->clients_max);
  impl_->state.set_limits(std::move(limits));
}

void ingest_server::stop_accepting() {
  if (!impl_->state.draining)
    impl_->state.draining_since = impl_->state.context.clock.now();
  impl_->state.context.health.set(condition::draining, true);
  impl_->state.draining.store(true);
  for (auto& thread : impl_->threads)
    thread->stop_accepting();
}

size_t ingest_server::in_flight() const noexcept {
  const auto& state = impl_->state;
  // A client answered before the drain began may be sending its next request: it gets 503,
  // not a closed connection.
  const bool some_may_send =
    state.draining && state.connections.load() > 0
    && state.context.clock.now() - state.draining_since.load() < state.config.drain_grace;
  return state.requests.load() + state.outstanding.load() + (some_may_send ? 1 : 0);
}

void ingest_server::measure() const {
  auto& state = impl_->state;
  const auto show = [](gauge& to, size_t value) {
    to.store(static_cast<int64_t>(value), std::memory_order_relaxed);
  };
  const auto used = state.gate.used();
  show(state.metrics.budget_used_bytes, used.bytes);
  show(state.admission_queue.depth, used.bytes);
  show(state.stage.credit_available, state.gate.credit());
  show(state.connections_queue.depth, state.connections.load());
  show(state.outstanding_queue.depth, state.outstanding.load());
}

void ingest_server::stop() {
  if (std::exchange(impl_->stopped, true))
    return;
  impl_->state.context.health.ask_admission({});
  impl_->state.draining.store(true);
  for (auto& thread : impl_->threads)
    thread->stop();
  for (auto& thread : impl_->threads)
    thread->join();
}

} // namespace weir
