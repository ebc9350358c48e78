#include "cluster/tunnel/tunnel.hpp"

#include "base/log.hpp"
#include "cluster/bytes.hpp"
#include "cluster/hello.hpp"
#include "cluster/link_frame.hpp"
#include "cluster/tunnel/frame_queue.hpp"
#include "proto/batch.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/time.h>

#include <dlfcn.h>
#include <netdb.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

using namespace weir;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// What a node's actors would hear.
struct listener final : network_events {
  std::mutex lock;
  std::condition_variable changed;
  std::map<std::string, link_id> links; ///< by peer
  size_t links_of_one_peer_max = 0;
  std::vector<std::string> frames;
  std::vector<std::string> downs;
  bool busy = false; ///< what comes is not read
  std::vector<frame_slip> slips;

  void link_up(link_id link, const node_card& peer) noexcept override {
    const std::lock_guard guard{lock};
    links_of_one_peer_max = std::max(links_of_one_peer_max, 1 + links.count(peer.name));
    links[peer.name] = link;
    changed.notify_all();
  }
  void link_down(link_id link, const std::string& reason) noexcept override {
    const std::lock_guard guard{lock};
    std::erase_if(links, [&](const auto& known) { return known.second == link; });
    downs.push_back(reason);
    changed.notify_all();
  }
  void received(link_id, std::string head, std::string text,
                frame_slip slip) noexcept override {
    const std::lock_guard guard{lock};
    if (busy)
      slips.push_back(std::move(slip));
    EXPECT_TRUE(text.empty() || text.capacity() >= text.size() + text_padding);
    frames.push_back(head + text);
    changed.notify_all();
  }
  template <class Condition>
  bool until(Condition condition) {
    std::unique_lock guard{lock};
    return changed.wait_for(guard, 20s, [&] { return condition(*this); });
  }
  bool linked_to(const std::string& peer) {
    return until([&](const auto& heard) { return heard.links.contains(peer); });
  }
  link_id link_to(const std::string& peer) {
    const std::lock_guard guard{lock};
    return links.at(peer);
  }
};

struct test_node {
  listener heard;
  std::unique_ptr<tunnel> net;

  explicit test_node(const std::string& name, tunnel_config config = {}) {
    static uint64_t instances = 0;
    config.host = "127.0.0.1";
    config.self = {name, ++instances, 1, {true, true, true}, {}, false};
    config.dial_interval = 5ms;
    net = std::move(*tunnel::open(config, heard));
    net->run();
  }
  const std::string& address() const { return net->self().address; }
  void send(const std::string& peer, outgoing_frame frame) {
    net->send(heard.link_to(peer), std::move(frame));
  }
};

/// A peer that knows how to greet, and then says what the test wants.
struct stranger {
  asio::io_context context;
  asio::ip::tcp::socket socket{context};

  explicit stranger(const std::string& address) {
    const auto port = std::stoi(address.substr(address.rfind(':') + 1));
    socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(port)});
    say(
      encode_hello({99, {"stranger", 77, 1, {true, true, true}, "127.0.0.1:1", false}}));
    hear_words();
    say(encode_go());
    hear_words();
  }
  void say(const std::string& bytes) { asio::write(socket, asio::buffer(bytes)); }
  void say_frame(const std::string& head) {
    std::string lengths;
    byte_writer to{lengths};
    to.number(static_cast<uint32_t>(head.size()));
    to.number(uint32_t{0});
    say(lengths + head);
  }
  std::string hear(size_t bytes) {
    std::string came(bytes, '\0');
    asio::read(socket, asio::buffer(came));
    return came;
  }
  void hear_words() { hear(read_hello_head(hear(hello_head_bytes))->bytes); }
  std::string hear_frame() {
    const auto lengths = hear(frame_lengths_bytes);
    return hear(byte_reader{lengths}.number<uint32_t>());
  }
};

/// What is logged meanwhile. One at a time.
class logged {
 public:
  logged() {
    here = this;
    set_log_writer(
      [](log_level, std::string_view event, std::initializer_list<log_field> fields) {
        std::string line{event};
        for (const auto& field : fields)
          if (const auto* text = std::get_if<std::string_view>(&field.value))
            line.append(" ").append(field.key).append("=").append(*text);
        const std::lock_guard guard{here->lock_};
        here->lines_.push_back(std::move(line));
        here->changed_.notify_all();
      });
  }
  ~logged() { set_log_writer(nullptr); }
  bool has(const std::string& line) {
    std::unique_lock guard{lock_};
    return changed_.wait_for(
      guard, 20s, [&] { return std::count(lines_.begin(), lines_.end(), line) > 0; });
  }

 private:
  static inline logged* here = nullptr;
  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

/// A name whose servers take as long to answer as the test wants.
class slow_name {
 public:
  static constexpr auto host = "slow.invalid";

  slow_name() { here = this; }
  ~slow_name() {
    answer();
    const std::lock_guard guard{lock};
    here = nullptr;
  }
  static void ask() {
    std::unique_lock guard{lock};
    if (here == nullptr)
      return;
    here->asked_ = true;
    changed.notify_all();
    changed.wait(guard, [] { return here == nullptr || here->answered_; });
  }
  bool asked() {
    std::unique_lock guard{lock};
    return changed.wait_for(guard, 20s, [&] { return asked_; });
  }
  void answer() {
    const std::lock_guard guard{lock};
    answered_ = true;
    changed.notify_all();
  }

 private:
  static inline std::mutex lock;
  static inline std::condition_variable changed;
  static inline slow_name* here = nullptr;
  bool asked_ = false;
  bool answered_ = false;
};

} // namespace

/// Before the C library's, for Asio too.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (host != nullptr && std::string_view{host} == slow_name::host) {
    slow_name::ask();
    return EAI_AGAIN;
  }
  static const auto real =
    reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(host, service, hints, found);
}

TEST(tunnel_test, frames_of_every_size_arrive_whole_in_both_directions) {
  test_node a{"a"}, b{"b"};
  a.net->learn({b.address()});
  ASSERT_TRUE(a.heard.linked_to("b") && b.heard.linked_to("a"));
  std::vector<std::string> sent;
  for (const size_t bytes :
       {size_t{1}, size_t{16'383}, size_t{16'384}, size_t{300'000}, frame_bytes_max})
    sent.emplace_back(bytes, static_cast<char>('a' + sent.size()));
  for (const auto& frame : sent) {
    a.send("b", frame);
    b.send("a", {frame.substr(0, 1), std::make_shared<const std::string>(frame, 1)});
  }
  for (auto* node : {&a, &b}) {
    ASSERT_TRUE(node->heard.until(
      [&](const auto& heard) { return heard.frames.size() == sent.size(); }));
    std::sort(node->heard.frames.begin(), node->heard.frames.end());
    EXPECT_EQ(node->heard.frames, sent);
  }
}

TEST(tunnel_test, two_nodes_that_dial_each_other_at_once_never_have_two_links) {
  for (int round = 0; round < 50; ++round) {
    test_node a{"a"}, b{"b"};
    a.net->learn({b.address()});
    b.net->learn({a.address()});
    ASSERT_TRUE(a.heard.linked_to("b") && b.heard.linked_to("a"));
    a.send("b", {"over the link that stays"});
    EXPECT_TRUE(
      b.heard.until([](const auto& heard) { return heard.frames.size() == 1; }));
    EXPECT_EQ(a.heard.link_to("b"), b.heard.link_to("a"));
    for (auto* node : {&a, &b}) {
      const std::lock_guard guard{node->heard.lock};
      EXPECT_EQ(node->heard.links_of_one_peer_max, 1u);
      EXPECT_TRUE(node->heard.downs.empty());
    }
  }
}

TEST(tunnel_test, when_a_peer_promises_too_much_its_link_ends_and_the_others_stay) {
  test_node a{"a"}, b{"b"};
  a.net->learn({b.address()});
  ASSERT_TRUE(a.heard.linked_to("b"));
  const auto too_many = static_cast<uint32_t>(frame_bytes_max + 1);
  const auto most = std::numeric_limits<uint32_t>::max();
  for (const auto& [promised, text] : std::vector<std::pair<uint32_t, uint32_t>>{
         {0, 0}, {too_many, 1}, {most, 0}, {0, most}, {100, 100}, {100, 101}}) {
    stranger peer{a.address()};
    ASSERT_TRUE(a.heard.linked_to("stranger"));
    std::string head;
    byte_writer{head}.number(promised);
    byte_writer{head}.number(text);
    peer.say(head);
    ASSERT_TRUE(a.heard.until([](const auto& heard) { return !heard.downs.empty(); }));
    EXPECT_EQ(a.heard.downs[0], "the peer promises a frame of " + std::to_string(promised)
                                  + " bytes, " + std::to_string(text) + " of them text");
    a.heard.downs.clear();
  }
  a.send("b", {"still here"});
  EXPECT_TRUE(b.heard.until([](const auto& heard) { return heard.frames.size() == 1; }));
}

TEST(tunnel_test, a_heartbeat_overtakes_the_batches_that_a_slow_peer_has_not_taken) {
  test_node a{"a"};
  stranger slow{a.address()};
  ASSERT_TRUE(a.heard.linked_to("stranger"));
  constexpr size_t batches = 16;
  for (size_t i = 0; i < batches; ++i)
    a.send("stranger", std::string(frame_bytes_max, 'b'));
  a.send("stranger", {"heartbeat"});
  size_t before = 0;
  while (slow.hear_frame() != "heartbeat")
    ++before;
  EXPECT_LT(before, batches);
}

TEST(tunnel_test, while_nobody_reads_what_comes_its_peer_is_stopped_and_others_are_not) {
  constexpr size_t frames = 4'000, frame_bytes = 4'096, ahead = 64'000;
  constexpr size_t held_max = ahead / frame_bytes + 1;
  tunnel_config config;
  config.unread_bytes_max = ahead;
  test_node a{"a", config}, b{"b"};
  stranger keen{a.address()};
  b.net->learn({a.address()});
  ASSERT_TRUE(a.heard.linked_to("stranger") && b.heard.linked_to("a"));
  a.heard.busy = true;
  std::thread sender{[&] {
    for (size_t i = 0; i < frames; ++i)
      keen.say_frame(std::string(frame_bytes, 'k'));
  }};
  const auto stopped = [&](const auto& heard) {
    return heard.slips.size() >= ahead / (frame_bytes + 512);
  };
  for (size_t came = 0; came < frames;) {
    ASSERT_TRUE(a.heard.until(stopped));
    b.send("a", {"beside it"}); // behind it whatever of the other's was to be read
    ASSERT_TRUE(a.heard.until(
      [](auto& heard) { return std::erase(heard.frames, "beside it") > 0; }));
    const std::lock_guard guard{a.heard.lock};
    EXPECT_LE(a.heard.slips.size(), held_max);
    came = a.heard.frames.size();
    a.heard.slips.clear();
    a.heard.busy = frames - came > held_max;
    if (!a.heard.busy)
      break;
  }
  sender.join();
  EXPECT_TRUE(
    a.heard.until([&](const auto& heard) { return heard.frames.size() == frames; }));
}

TEST(tunnel_test,
     a_peer_that_takes_its_small_frames_too_slowly_loses_its_link_and_no_other_does) {
  tunnel_config config;
  config.small_waiting_bytes_max = 64'000;
  test_node a{"a", config}, b{"b"};
  stranger slow{a.address()};
  a.net->learn({b.address()});
  ASSERT_TRUE(a.heard.linked_to("stranger") && a.heard.linked_to("b"));
  const auto link = a.heard.link_to("stranger");
  for (int i = 0; i < 8'000; ++i) // more than two kernels take
    a.net->send(link, std::string(small_frame_bytes_max, 's'));
  ASSERT_TRUE(a.heard.until([](const auto& heard) { return !heard.downs.empty(); }));
  EXPECT_EQ(a.heard.downs[0], "the peer takes what it is sent too slowly");
  a.send("b", {"still here"});
  EXPECT_TRUE(b.heard.until([](const auto& heard) { return heard.frames.size() == 1; }));
}

TEST(tunnel_test, peers_max_holds_for_links_that_are_dialed_until_there_is_room) {
  logged events;
  auto b = std::make_unique<test_node>("b"), c = std::make_unique<test_node>("c");
  tunnel_config config;
  config.peers_max = 1;
  config.seeds = {b->address(), c->address()};
  test_node a{"a", config};
  bool b_first = false;
  ASSERT_TRUE(a.heard.until([&](const auto& heard) {
    b_first = heard.links.contains("b");
    return !heard.links.empty();
  }));
  const auto seed = (b_first ? c : b)->address();
  const auto reason = "this node has cluster.peers_max (1) links already, and the seed "
                      + seed + " has none: raise it";
  EXPECT_TRUE(events.has("link_refused dialed=" + seed + " reason=" + reason));
  {
    const std::lock_guard guard{a.heard.lock};
    EXPECT_EQ(a.heard.links.size(), 1u);
  }
  (b_first ? b : c).reset();
  EXPECT_TRUE(a.heard.linked_to(b_first ? "c" : "b")) << "there is room now";
}

TEST(tunnel_test, addresses_where_nobody_speaks_keep_no_peer_out) {
  asio::io_context context;
  tunnel_config config;
  config.handshakes_max = 4;
  config.handshake_deadline = 60s;
  std::vector<asio::ip::tcp::acceptor> mute;
  std::vector<std::string> addresses;
  for (size_t i = 0; i < 2 * config.handshakes_max; ++i) {
    mute.emplace_back(context,
                      asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0});
    addresses.push_back("127.0.0.1:"
                        + std::to_string(mute.back().local_endpoint().port()));
  }
  test_node a{"a", config}, b{"b"};
  a.net->learn(addresses);
  std::vector<asio::ip::tcp::socket> dialed;
  for (auto& acceptor : mute)
    dialed.push_back(acceptor.accept()); // and says nothing
  b.net->learn({a.address()});
  EXPECT_TRUE(b.heard.linked_to("a"));
}

TEST(tunnel_test, a_name_that_is_resolved_slowly_holds_up_no_numeric_address) {
  slow_name slow;
  tunnel_config config;
  config.seeds = {std::string{slow_name::host} + ":7400"};
  test_node a{"a", config}, b{"b"};
  ASSERT_TRUE(slow.asked());
  a.net->learn({b.address()});
  EXPECT_TRUE(a.heard.linked_to("b"));
  slow.answer();
}

TEST(tunnel_test, a_link_that_is_closed_goes_down_on_both_sides) {
  test_node a{"a"}, b{"b"};
  a.net->learn({b.address()});
  ASSERT_TRUE(a.heard.linked_to("b") && b.heard.linked_to("a"));
  a.net->close(a.heard.link_to("b"), "for the test");
  for (auto* node : {&a, &b})
    ASSERT_TRUE(
      node->heard.until([](const auto& heard) { return !heard.downs.empty(); }));
  EXPECT_EQ(a.heard.downs[0], "for the test");
  EXPECT_EQ(b.heard.downs[0], "the peer closed it");
}

namespace {

/// A connection that never says a word.
struct mute {
  asio::io_context context;
  asio::ip::tcp::socket socket{context};

  explicit mute(const std::string& address) {
    const auto port = std::stoi(address.substr(address.rfind(':') + 1));
    socket.connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(port)});
  }
  /// It was closed by the node, whatever that had said before.
  bool closed() {
    const timeval patience{20, 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                 sizeof patience);
    char said[512];
    ssize_t got = 0;
    while ((got = ::recv(socket.native_handle(), said, sizeof said, 0)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
  }
};

} // namespace

TEST(tunnel_test, who_says_nothing_is_closed_at_the_deadline) {
  tunnel_config config;
  config.handshake_deadline = 50ms;
  test_node a{"a", config};
  EXPECT_TRUE(mute{a.address()}.closed());
}

TEST(tunnel_test, more_handshakes_than_allowed_are_closed_at_once) {
  tunnel_config config;
  config.handshakes_max = 2;
  config.handshake_deadline = 1h;
  test_node a{"a", config};
  mute first{a.address()}, second{a.address()}, third{a.address()};
  EXPECT_TRUE(third.closed());
}

TEST(tunnel_test, connections_that_came_to_nothing_leave_their_place) {
  tunnel_config config;
  config.handshakes_max = 2;
  config.handshake_deadline = 1h;
  test_node a{"a", config}, b{"b"};
  for (int i = 0; i < 6; ++i) {
    mute stranger{a.address()};
    asio::write(stranger.socket, asio::buffer(std::string(100, 'x')));
    EXPECT_TRUE(stranger.closed());
  }
  b.net->learn({a.address()});
  EXPECT_TRUE(a.heard.linked_to("b"));
}
