#include "cluster/tunnel/greeting.hpp"

#include "cluster/hello.hpp"

#include <sys/random.h>

#include <array>
#include <chrono>

namespace weir {

namespace {

// Whatever a co_await's arguments refer to has a name: g++ 12 destroys an unnamed object
// of class type twice.

link_id random_link() {
  link_id link = 0;
  while (link == 0)
    if (::getrandom(&link, sizeof link, 0) != static_cast<ssize_t>(sizeof link))
      link =
        static_cast<link_id>(std::chrono::steady_clock::now().time_since_epoch().count());
  return link;
}

wire::awaitable<std::string> say(connection& one, std::string_view bytes) {
  auto failure = one.outside.seal(bytes);
  if (!failure)
    failure = co_await one.outside.flush();
  co_return failure ? failure.message() : std::string{};
}

wire::awaitable<std::string> receive(connection& one, std::string& body) {
  std::array<char, hello_head_bytes> head_bytes{};
  auto failure = co_await one.outside.read(head_bytes);
  if (failure)
    co_return failure.message();
  const auto head = read_hello_head({head_bytes.data(), head_bytes.size()});
  if (!head)
    co_return head.error().text;
  body.clear();
  failure = co_await one.outside.append(body, head->bytes);
  co_return failure ? failure.message() : std::string{};
}

wire::awaitable<std::string> introduce_as_dialer(connection& one,
                                                 const link_registry& registry) {
  const auto link = random_link();
  const auto greeting = encode_hello({link, registry.self()});
  auto problem = co_await say(one, greeting);
  std::string body;
  if (problem.empty())
    problem = co_await receive(one, body);
  if (!problem.empty())
    co_return problem;
  const auto answer = decode_answer(body);
  if (!answer)
    co_return answer.error().text;
  // The certificate decides who the peer is, not its own word.
  const auto certified = one.outside.certified_name();
  if (!certified.empty() && certified != answer->card.name)
    co_return "its certificate is for " + certified + ", not for " + answer->card.name;
  one.peer = answer->card;
  one.link = answer->accepted ? link : 0;
  co_return answer->accepted ? std::string{} : answer->reason;
}

wire::awaitable<std::string> introduce_as_listener(connection& one,
                                                   const link_registry& registry,
                                                   std::optional<link_id>& outdated) {
  std::string body;
  auto problem = co_await receive(one, body);
  if (!problem.empty()) {
    // The head of this answer can be read by a peer of any version.
    const auto refusal = encode_answer({false, problem, registry.self()});
    const auto unheard = co_await say(one, refusal);
    co_return problem;
  }
  const auto words = decode_hello(body);
  if (!words)
    co_return words.error().text;
  one.peer = words->card;
  const auto verdict = registry.judge(words->card, one.outside.certified_name());
  outdated = verdict.close;
  const auto answer = encode_answer({verdict.accepted, verdict.reason, registry.self()});
  problem = co_await say(one, answer);
  if (!verdict.accepted)
    co_return verdict.reason;
  if (problem.empty())
    problem = co_await receive(one, body);
  one.link = words->link;
  co_return problem;
}

} // namespace

wire::awaitable<std::string> introduce(connection& one, const link_registry& registry,
                                       std::optional<link_id>& outdated) {
  std::string problem;
  if (const auto failure = co_await one.outside.handshake(one.dialed_by_us); failure)
    problem = "TLS: " + failure.message();
  else if (one.dialed_by_us)
    problem = co_await introduce_as_dialer(one, registry);
  else
    problem = co_await introduce_as_listener(one, registry, outdated);
  co_return problem;
}

wire::awaitable<std::string> conclude(connection& one) {
  const auto word = encode_go();
  auto problem = co_await say(one, word);
  std::string body;
  if (problem.empty() && one.dialed_by_us)
    problem = co_await receive(one, body);
  co_return problem;
}

} // namespace weir
