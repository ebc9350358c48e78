// How a run of several nodes is drawn; plan.cpp draws those of one.
#include "tests/simulation/plan.hpp"

namespace weir::simulation {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr node_roles gateway{true, false, false};
constexpr node_roles worker{false, true, false};
constexpr node_roles persister{false, false, true};

class cluster_drawing {
 public:
  explicit cluster_drawing(uint64_t seed) : dice_(seed * 2 + 1) {
    made_.seed = seed;
    made_.fuse_bytes = fuse_bytes_of(seed);
  }

  plan draw() {
    draw_nodes();
    draw_settings();
    if (made_.seed % 10 == 9 && draw_drains())
      return std::move(made_);
    if (made_.seed % 10 == 8 && draw_lost_copies())
      return std::move(made_);
    draw_appetite();
    const auto steps = dice_.between(6, dice_.one_in(8) ? 60 : 25);
    for (uint64_t i = 0; i < steps; ++i)
      made_.steps.push_back(draw_step());
    return std::move(made_);
  }

 private:
  void add(const char* kind, size_t count, node_roles roles) {
    for (size_t i = 1; i <= count; ++i)
      made_.nodes.push_back({kind + std::to_string(i), roles});
  }
  void draw_nodes();
  void draw_settings();
  void draw_appetite();
  bool draw_drains();
  bool draw_lost_copies();
  void send(uint64_t count, milliseconds gap_max);
  step draw_step();
  void draw_deed(step& s);
  std::string draw_path();
  request_plan draw_request();
  size_t a_node() { return dice_.below(made_.nodes.size()); }
  duration between(milliseconds low, milliseconds high) {
    return milliseconds{dice_.between(static_cast<uint64_t>(low.count()),
                                      static_cast<uint64_t>(high.count()))};
  }

  chance dice_;
  plan made_;
  uint64_t trouble_ = 0;      ///< in percent of the steps
  std::vector<deed> fond_of_; ///< what trouble is, each as likely
  uint64_t keyed_ = 50;       ///< in percent of the requests
  uint32_t padding_ = 0;
  uint32_t requests_ = 0;
};

void cluster_drawing::draw_nodes() {
  switch (dice_.below(6)) {
  case 0:
    return add("all", dice_.between(2, 3), {true, true, true});
  case 1:
    add("front", 2, {true, true, false});
    return add("persister", 2, persister);
  case 2:
    add("gateway", dice_.between(1, 2), gateway);
    return add("back", 2, {false, true, true});
  default:
    add("gateway", dice_.between(1, 2), gateway);
    add("worker", dice_.between(1, 2), worker);
    return add("persister", dice_.between(1, 2), persister);
  }
}

void cluster_drawing::draw_settings() {
  auto& m = made_;
  m.order =
    dice_.one_of({ordering::fair, ordering::random, ordering::random, ordering::unfair});
  m.workers = static_cast<uint32_t>(dice_.between(1, 2));
  m.batch_records = dice_.one_of({3u, 8u, 100u});
  m.coalesce_bytes = dice_.one_of({0u, 512u, 4096u});
  m.segments_max = static_cast<uint32_t>(dice_.between(2, 6));
  m.group_bytes = dice_.one_of({1u, 4096u, 65536u});
  m.queue_batches = 64;
  m.rows_per_transaction = dice_.one_of({1u, 10u, 1000u});
  m.request_timeout = dice_.one_of({seconds{2}, seconds{10}, seconds{30}});
  m.disk_latency = dice_.one_of({duration{0}, duration{200}, duration{5'000}});
  m.window = {dice_.one_of({1u, 2u, 8u}), dice_.one_of({2'000u, 20'000u, 1'000'000u})};
  m.delay_max = dice_.one_of({duration{300}, duration{5'000}, duration{100'000}});
  m.hiccup = dice_.one_of({duration{0}, duration{200'000}, duration{1'500'000}});
}

/// Most runs love a few kinds of trouble, some have all of it, some none.
void cluster_drawing::draw_appetite() {
  keyed_ = dice_.one_of({0u, 50u, 90u});
  padding_ = dice_.one_of({0u, 0u, 100u, 1500u});
  if (dice_.one_in(20))
    return;
  trouble_ = dice_.one_of({10u, 30u, 50u});
  for (const auto kind :
       {deed::crash, deed::kill, deed::terminate, deed::disk, deed::sink, deed::wall,
        deed::pause, deed::lose_link, deed::cut_off, deed::wipe})
    if (dice_.one_in(kind == deed::wall || kind == deed::disk ? 6 : 2))
      fond_of_.push_back(kind);
}

void cluster_drawing::send(uint64_t count, milliseconds gap_max) {
  for (; count > 0; --count) {
    step s;
    s.what = deed::send;
    s.gap = between(milliseconds{0}, gap_max);
    s.request = draw_request();
    s.request.patience = seconds{60};
    made_.steps.push_back(std::move(s));
  }
}

/// Nodes that have journals of their own, and lose links while these take nothing: what a link
/// took along comes back to a journal that refuses it.
bool cluster_drawing::draw_lost_copies() {
  auto& m = made_;
  std::vector<size_t> losers;
  for (size_t i = 0; i < m.nodes.size(); ++i)
    if (m.nodes[i].roles.worker && m.nodes[i].roles.persister)
      losers.push_back(i);
  if (losers.size() < 2)
    return false;
  keyed_ = 20;
  m.window = {8, 1'000'000};
  m.delay_max = duration{100'000};
  m.steps.emplace_back(); // settle: all are linked
  for (auto rounds = dice_.between(2, 6); rounds > 0; --rounds) {
    const auto at = dice_.below(losers.size());
    send(dice_.between(1, 4), milliseconds{20});
    step failing;
    failing.what = deed::disk;
    failing.disk = dice_.one_of({disk_fault::no_space, disk_fault::dead});
    failing.node = failing.other = losers[at];
    failing.gap = between(milliseconds{0}, milliseconds{100});
    failing.lasts = between(milliseconds{100}, milliseconds{3'000});
    m.steps.push_back(failing);
    step loss;
    loss.what = deed::lose_link;
    loss.node = losers[at];
    loss.other = losers[(at + 1) % losers.size()];
    loss.gap = between(milliseconds{0}, milliseconds{1});
    m.steps.push_back(loss);
    send(dice_.between(0, 3), milliseconds{200});
  }
  return true;
}

/// Nodes that work together without haste, and end one after the other.
bool cluster_drawing::draw_drains() {
  auto& m = made_;
  std::vector<size_t> leavers;
  for (size_t i = 0; i < m.nodes.size(); ++i)
    if (!m.nodes[i].roles.gateway && m.others_do_the_work_of(i))
      leavers.push_back(i);
  if (leavers.empty())
    return false;
  m.segments_max = 6;
  m.request_timeout = seconds{30};
  m.window = {8, 1'000'000};
  m.delay_max = duration{5'000};
  m.hiccup = duration{0};
  const milliseconds slowly{200};
  m.steps.emplace_back(); // settle: all are linked
  for (auto rounds = dice_.between(1, 3); rounds > 0; --rounds) {
    send(dice_.between(2, 5), slowly);
    step end;
    end.what = deed::terminate;
    end.node = leavers[dice_.below(leavers.size())];
    m.steps.push_back(std::move(end));
    send(dice_.between(3, 8), slowly);
    m.steps.emplace_back();
  }
  return true;
}

step cluster_drawing::draw_step() {
  step s;
  s.gap = dice_.one_in(3)
            ? duration{0}
            : between(milliseconds{0}, milliseconds{dice_.one_in(4) ? 2'000 : 20});
  if (!fond_of_.empty() && dice_.below(100) < trouble_) {
    s.what = fond_of_[dice_.below(fond_of_.size())];
    draw_deed(s);
  } else if (dice_.one_in(50)) {
    s.what = deed::settle;
  } else {
    s.what = deed::send;
    s.request = draw_request();
  }
  return s;
}

void cluster_drawing::draw_deed(step& s) {
  s.node = a_node();
  s.other = dice_.one_in(2) ? s.node : a_node();
  s.path = s.what == deed::crash ? draw_path() : std::string{};
  s.loses = dice_.one_of(
    {power_loss::process, power_loss::rollback, power_loss::torn, power_loss::sectors});
  s.disk = static_cast<disk_fault>(dice_.below(8)); // no last gasp: `kill` is one
  s.count = static_cast<uint32_t>(dice_.below(4));
  s.store = static_cast<store_fault>(dice_.below(3));
  s.takes = between(milliseconds{1}, milliseconds{1'000});
  s.lasts = between(milliseconds{1}, milliseconds{dice_.one_in(3) ? 8'000 : 1'500});
  s.shift =
    dice_.one_of({duration{std::chrono::hours{1}}, duration{-std::chrono::hours{2}}});
  if (s.what == deed::lose_link && s.other == s.node)
    s.other = (s.node + 1) % made_.nodes.size();
}

/// No worker: its death would be put down to the record in its hand.
std::string cluster_drawing::draw_path() {
  return std::string{"root/"}
         + dice_.one_of({"cluster", "cluster/links", "cluster/links", "cluster/to-worker",
                         "cluster/to-persister", "persist/partition-0/journal",
                         "persist/partition-0/sink", "gateway", "validate/stage",
                         "transform/stage"});
}

request_plan cluster_drawing::draw_request() {
  request_plan r;
  r.number = ++requests_;
  r.checked = dice_.one_in(2);
  r.keyed = dice_.below(100) < keyed_;
  r.ack = dice_.one_of({ack_level::stored, ack_level::stored, ack_level::stored,
                        ack_level::durable, ack_level::accepted});
  r.level = dice_.one_of({priority::normal, priority::normal, priority::low});
  const auto count = dice_.one_in(5) ? dice_.between(5, 30) : dice_.between(1, 5);
  for (uint64_t i = 0; i < count; ++i)
    r.records.push_back(dice_.one_in(r.checked ? 8 : 30) ? record_kind::refused
                        : r.checked && dice_.one_in(10)  ? record_kind::dropped
                                                         : record_kind::good);
  r.padding = padding_ == 0 ? 0 : static_cast<uint32_t>(dice_.below(padding_));
  if (dice_.one_in(5)) {
    r.pieces = static_cast<uint32_t>(dice_.between(2, 4));
    r.between_pieces = between(milliseconds{0}, milliseconds{500});
  }
  r.patience = dice_.one_of({seconds{1}, seconds{5}, seconds{20}});
  r.repeats = r.keyed && dice_.one_in(3) ? static_cast<uint32_t>(dice_.between(1, 2)) : 0;
  r.tries_max = 20;
  return r;
}

} // namespace

plan draw_cluster_plan(uint64_t seed) {
  return cluster_drawing{seed}.draw();
}

} // namespace weir::simulation
