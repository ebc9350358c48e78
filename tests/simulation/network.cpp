#include "tests/simulation/network.hpp"

#include "cluster/link_frame.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weir::simulation {

namespace {

constexpr duration dial_interval{100'000};

/// A batch or a receipt, in a piece; the rest of what is said does not count in windows.
std::optional<piece_frame> piece_in(std::string_view frame) {
  const auto content = decode_frame(frame);
  if (!content || !std::holds_alternative<piece_frame>(*content))
    return std::nullopt;
  return std::get<piece_frame>(*content);
}

} // namespace

struct network::letter {
  enum class kind : uint8_t { up, frame, end } what = kind::frame;
  outgoing_frame frame;
  time_point due{};
};

/// From one end to the other.
struct network::way {
  std::deque<letter> letters; ///< by when they are due
  time_point last_due{};
  time_point last_small_due{};
  /// bytes of what the sender has out, by number
  std::array<std::map<uint64_t, uint64_t>, link_flows> out;
};

struct network::connection {
  std::array<size_t, 2> ends;
  std::array<uint64_t, 2> lives; ///< those of the processes at the ends
  std::array<bool, 2> up{};
  std::array<way, 2> from; ///< from[i]: what ends[i] says
  duration delay{0};
};

class network::port final : public network_port {
 public:
  port(network& owner, size_t node) : owner_(owner), node_(node) {}
  void send(link_id to, outgoing_frame frame) noexcept override {
    owner_.send(node_, to, std::move(frame));
  }
  void close(link_id link, std::string reason) noexcept override {
    owner_.close(node_, link, reason);
  }
  void reset() noexcept override { owner_.close_all(node_); }
  void learn(std::vector<std::string>) noexcept override {} // all are dialed anyway

 private:
  network& owner_;
  const size_t node_;
};

struct network::station {
  std::unique_ptr<port> own;
  node_card card;
  network_events* hears = nullptr; ///< null: no process
  uint64_t life = 0;
  bool frozen = false;
};

network::network(const plan& shape, timeline& events, trace& log)
  : shape_(shape), events_(events), log_(log), dice_(shape.seed ^ 0x11e7),
    stations_(shape.nodes.size()), small_bytes_max_(dice_.below(512)) {
  for (size_t i = 0; i < stations_.size(); ++i)
    stations_[i].own = std::make_unique<port>(*this, i);
  dial();
}

network::~network() = default;

network_port& network::join(size_t node, const node_card& card, network_events& hears) {
  auto& here = stations_[node];
  here.card = card;
  here.hears = &hears;
  ++here.life;
  here.frozen = false;
  return *here.own;
}

void network::leave(size_t node, bool farewell) {
  if (farewell)
    close_all(node);
  stations_[node].hears = nullptr;
}

// -- links

bool network::lives_on(const connection& c, size_t end) const {
  const auto& at = stations_[c.ends[end]];
  return at.hears != nullptr && at.life == c.lives[end];
}

bool network::is_up(const connection& c, size_t end) const {
  return c.up[end] && lives_on(c, end);
}

void network::dial() {
  for (size_t a = 0; a < stations_.size(); ++a)
    for (size_t b = a + 1; b < stations_.size(); ++b)
      dial(a, b);
  tidy();
  events_.in(dial_interval, [this] { dial(); });
}

void network::dial(size_t a, size_t b) {
  const auto answers = [&](size_t node) {
    return stations_[node].hears != nullptr && !stations_[node].frozen;
  };
  if (!answers(a) || !answers(b) || cut_off_.contains({a, b}) || !dice_.one_in(2))
    return;
  bool linked = false;
  for (auto& [link, c] : connections_)
    if (c->ends == std::array{a, b})
      for (const size_t end : {0u, 1u})
        if (is_up(*c, end)) {
          linked = true;
          if (!lives_on(*c, 1 - end))
            hang_up(link, *c, end, "the predecessor's link");
        }
  if (linked)
    return;
  const auto link = ++last_;
  auto& c = *(connections_[link] = std::make_unique<connection>());
  c.ends = {a, b};
  c.lives = {stations_[a].life, stations_[b].life};
  c.delay = duration{
    static_cast<int64_t>(dice_.between(static_cast<uint64_t>(shape_.delay_min.count()),
                                       static_cast<uint64_t>(shape_.delay_max.count())))};
  const size_t dialed = dice_.below(2);
  log_.note("link {}: {} dials {}", link, stations_[c.ends[dialed]].card.name,
            stations_[c.ends[1 - dialed]].card.name);
  c.up[dialed] = true;
  stations_[c.ends[dialed]].hears->link_up(link, stations_[c.ends[1 - dialed]].card);
  post(link, c, dialed, {letter::kind::up, {}, {}});
}

void network::hang_up(link_id link, connection& c, size_t end,
                      const std::string& reason) {
  if (!is_up(c, end))
    return;
  c.up[end] = false;
  const auto& here = stations_[c.ends[end]];
  log_.note("link {}: down at {}: {}", link, here.card.name, reason);
  here.hears->link_down(link, reason);
  post(link, c, end, {letter::kind::end, {}, {}});
}

void network::close(size_t by, link_id link, const std::string& reason) {
  const auto found = connections_.find(link);
  if (found == connections_.end())
    return;
  for (const size_t end : {0u, 1u})
    if (found->second->ends[end] == by)
      hang_up(link, *found->second, end, reason);
}

void network::close_all(size_t by) {
  for (auto& [link, c] : connections_)
    close(by, link, "reset");
}

void network::lose_link(size_t a, size_t b) {
  const auto [low, high] = both(a, b);
  for (auto& [link, c] : connections_) {
    if (c->ends != std::array{low, high})
      continue;
    for (const size_t end : {0u, 1u})
      c->from[end].letters.clear();
    for (const size_t end : {0u, 1u})
      hang_up(link, *c, end, "lost");
  }
}

void network::cut_off(size_t a, size_t b) {
  if (a != b)
    cut_off_.insert(both(a, b));
}

void network::join_again(size_t a, size_t b) {
  if (cut_off_.erase(both(a, b)) == 0)
    return;
  for (auto& [link, c] : connections_)
    if (pair{c->ends[0], c->ends[1]} == both(a, b))
      for (const size_t end : {0u, 1u})
        events_.in(c->delay, [this, link = link, end] { deliver(link, end); });
}

void network::freeze(size_t node, bool on) {
  stations_[node].frozen = on;
}

bool network::whole() const {
  size_t links = 0;
  for (const auto& [link, c] : connections_)
    links += is_up(*c, 0) && is_up(*c, 1);
  return links == stations_.size() * (stations_.size() - 1) / 2;
}

void network::tidy() {
  std::erase_if(connections_, [&](const auto& entry) {
    const auto& c = *entry.second;
    return !is_up(c, 0) && !is_up(c, 1) && c.from[0].letters.empty()
           && c.from[1].letters.empty();
  });
}

// -- what is on its way

void network::send(size_t from, link_id link, outgoing_frame frame) {
  const auto found = connections_.find(link);
  if (found == connections_.end())
    return;
  auto& c = *found->second;
  const size_t end = c.ends[0] == from ? 0 : 1;
  if (!is_up(c, end))
    return;
  count_sent(c, end, frame);
  post(link, c, end, {letter::kind::frame, std::move(frame), {}});
}

duration network::delay_of(const connection& c) {
  if (shape_.hiccup > duration{0} && dice_.one_in(100))
    return duration{static_cast<int64_t>(dice_.below(shape_.hiccup.count()))};
  return c.delay + duration{static_cast<int64_t>(dice_.below(c.delay.count() / 4 + 1))};
}

void network::post(link_id link, connection& c, size_t from_end, letter what) {
  auto& mine = c.from[from_end];
  const auto now = events_.clock().now();
  const auto due = now + delay_of(c);
  if (what.what == letter::kind::frame && what.frame.size() <= small_bytes_max_)
    what.due = mine.last_small_due = std::max(mine.last_small_due, due);
  else if (what.what == letter::kind::frame)
    what.due = mine.last_due = std::max(mine.last_due, due);
  else
    what.due = mine.last_due = mine.last_small_due =
      std::max({mine.last_due, mine.last_small_due, due});
  events_.in(std::chrono::duration_cast<duration>(what.due - now),
             [this, link, from_end] { deliver(link, from_end); });
  const auto behind =
    std::find_if(mine.letters.begin(), mine.letters.end(),
                 [&](const letter& other) { return other.due > what.due; });
  mine.letters.insert(behind, std::move(what));
}

void network::deliver(link_id link, size_t from_end) {
  const auto found = connections_.find(link);
  if (found == connections_.end())
    return;
  auto& c = *found->second;
  auto& letters = c.from[from_end].letters;
  while (!letters.empty() && letters.front().due <= events_.clock().now()
         && !cut_off_.contains({c.ends[0], c.ends[1]})) {
    auto next = std::move(letters.front());
    letters.pop_front();
    hand_over(link, c, 1 - from_end, std::move(next));
  }
}

void network::hand_over(link_id link, connection& c, size_t to_end, letter what) {
  const auto& here = stations_[c.ends[to_end]];
  if (what.what == letter::kind::up && lives_on(c, to_end)) {
    c.up[to_end] = true;
    return here.hears->link_up(link, stations_[c.ends[1 - to_end]].card);
  }
  if (what.what == letter::kind::end)
    return hang_up(link, c, to_end, "the peer closed it");
  if (!is_up(c, to_end)) { // nobody is there any more: TCP says so
    if (here.hears != nullptr)
      post(link, c, to_end, {letter::kind::end, {}, {}});
    return;
  }
  count_received(c, to_end, what.frame.head);
  log_.note_quietly(3, link << 16 | what.frame.size());
  here.hears->received(link, std::move(what.frame.head),
                       what.frame.text ? *what.frame.text : std::string{}, {});
}

// -- windows

void network::count_sent(connection& c, size_t end, const outgoing_frame& frame) {
  const auto piece = piece_in(frame.head);
  if (!piece || piece->what != piece_of::batch || !complaint_.empty())
    return;
  auto& out = c.from[end].out[index_of(piece->flow)];
  out[piece->number] = piece->total;
  uint64_t bytes = 0;
  for (const auto& [number, size] : out)
    bytes += size;
  if (frame.size() > frame_bytes_max || out.size() > shape_.window.batches
      || (out.size() > 1 && bytes > shape_.window.bytes))
    complaint_ = fmt::format("window: {} has {} batches of {} bytes out at {}",
                             stations_[c.ends[end]].card.name, out.size(), bytes,
                             stations_[c.ends[1 - end]].card.name);
}

/// The receipt frees its batch's share once its last piece is there.
void network::count_received(connection& c, size_t end, std::string_view head) {
  const auto piece = piece_in(head);
  if (piece && piece->what == piece_of::receipt
      && piece->offset + piece->bytes.size() == piece->total)
    c.from[end].out[index_of(piece->flow)].erase(piece->number);
}

} // namespace weir::simulation
