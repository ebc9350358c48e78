#include "tests/simulation/plan.hpp"

#include <algorithm>

namespace weir::simulation {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class drawing {
 public:
  explicit drawing(uint64_t seed) : dice_(seed) {
    made_.seed = seed;
    made_.fuse_bytes = fuse_bytes_of(seed);
  }

  plan draw();

 private:
  void draw_node();
  void draw_appetite();
  void love_hung_workers();
  void love_refused_copies();
  void love_dying_disks();
  void draw_dying_disk();
  step draw_step();
  request_plan draw_request();
  std::vector<record_kind> draw_records(bool checked);
  std::string draw_path();
  void draw_disk_fault(step& s);
  void draw_store_fault(step& s);
  duration between(duration low, duration high) {
    return duration{static_cast<int64_t>(dice_.between(
      static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count())))};
  }

  chance dice_;
  plan made_;
  // what this run is fond of, in percent of its steps
  uint64_t crashes_ = 0, kills_ = 0, terminations_ = 0, disk_ = 0, sink_ = 0,
           letters_ = 0, wall_ = 0, reloads_ = 0;
  uint64_t poison_ = 0;              ///< in a thousand records
  uint64_t hanging_ = 20;            ///< in percent of those
  std::vector<std::string> crashed_; ///< whom crashes befall; empty: everyone
  bool dying_ = false;               ///< now and then the disk dies, and who relied on it
  uint32_t padding_ = 0;
  uint64_t keyed_ = 50; ///< in percent of the requests
  std::vector<uint32_t> keyed_requests_;
  uint32_t requests_ = 0;
};

plan drawing::draw() {
  draw_node();
  draw_appetite();
  if (made_.seed % 10 == 9)
    love_hung_workers();
  else if (made_.seed % 10 == 8)
    love_refused_copies();
  else if (made_.seed % 10 == 7)
    love_dying_disks();
  const auto steps = dice_.between(6, dice_.one_in(8) ? 70 : 30);
  for (uint64_t i = 0; i < steps; ++i)
    if (dying_ && dice_.one_in(8))
      draw_dying_disk();
    else
      made_.steps.push_back(draw_step());
  return std::move(made_);
}

void drawing::draw_node() {
  auto& m = made_;
  m.order =
    dice_.one_of({ordering::fair, ordering::random, ordering::random, ordering::unfair});
  m.workers = static_cast<uint32_t>(dice_.between(1, 3));
  m.io_threads = static_cast<uint32_t>(dice_.between(1, 2));
  m.batch_bytes = dice_.one_of({1024u, 4096u, 16384u});
  m.batch_records = dice_.one_of({3u, 8u, 100u});
  m.coalesce_bytes = dice_.one_of({0u, 512u, 4096u});
  m.segments_max = static_cast<uint32_t>(dice_.between(2, 6));
  m.group_bytes = dice_.one_of({1u, 4096u, 65536u});
  m.queue_batches = dice_.one_of({4u, 16u, 64u});
  m.rows_per_transaction = dice_.one_of({1u, 10u, 1000u});
  m.budget_bytes = dice_.one_of({100'000u, 1'000'000u});
  m.work_deadline = dice_.one_of({milliseconds{200}, milliseconds{1000}});
  m.request_timeout = dice_.one_of({seconds{2}, seconds{10}, seconds{30}});
  m.disk_latency =
    dice_.one_of({duration{0}, duration{0}, duration{200}, duration{5'000}});
  m.recut = dice_.one_in(3);
}

/// Most runs love a few kinds of trouble, so that their meetings are frequent; some have
/// all of it, some none.
void drawing::draw_appetite() {
  const auto maybe = [&](uint64_t percent) {
    return dice_.one_in(2) ? percent : uint64_t{0};
  };
  if (dice_.one_in(20))
    return;
  crashes_ = maybe(25);
  kills_ = maybe(8);
  terminations_ = dice_.one_in(4) ? 5 : 0;
  disk_ = maybe(12);
  sink_ = maybe(10);
  letters_ = dice_.one_in(4) ? 5 : 0;
  wall_ = dice_.one_in(6) ? 5 : 0;
  reloads_ = dice_.one_in(4) ? 15 : 0;
  poison_ = dice_.one_in(3) ? dice_.between(5, 60) : 0;
  padding_ = dice_.one_of({0u, 0u, 100u, 1500u});
  keyed_ = dice_.one_of({0u, 50u, 90u});
}

/// Records hang, and what would replace their workers crashes meanwhile: alone each is easy.
void drawing::love_hung_workers() {
  made_.workers = dice_.one_in(2) ? 1 : made_.workers;
  crashes_ = 30;
  kills_ = terminations_ = disk_ = sink_ = letters_ = 0;
  poison_ = 100;
  hanging_ = 80;
  crashed_ = {"root/validate/stage",
              "root/transform/stage",
              "root/validate/workers",
              "root/transform/workers",
              "root/gateway",
              "root/validate/workers/worker-1",
              "root/transform/workers/worker-1"};
}

/// A batch goes out again after a crash, and one of its copies meets a disk that takes nothing.
void drawing::love_refused_copies() {
  crashes_ = 25;
  disk_ = 20;
  kills_ = terminations_ = sink_ = letters_ = poison_ = 0;
  keyed_ = 20;
  made_.disk_latency = dice_.one_of({duration{200}, duration{5'000}, duration{20'000}});
  crashed_ = {"root/validate/stage", "root/transform/stage", "root/gateway",
              "root/persist/partition-0/journal"};
}

/// The disk dies while it syncs and the process ends: what only the page cache has is found by the
/// next one, and gone when power goes before the sink has it.
void drawing::love_dying_disks() {
  dying_ = true;
  poison_ = 0;
  made_.disk_latency = dice_.one_of({duration{5'000}, duration{20'000}});
}

void drawing::draw_dying_disk() {
  const auto add = [this](deed what, duration gap_max) -> step& {
    auto& s = made_.steps.emplace_back();
    s.what = what;
    s.gap = between(duration{0}, gap_max);
    return s;
  };
  auto& sink = add(deed::sink, milliseconds{10});
  sink.store = store_fault::slow;
  sink.lasts = between(duration{0}, seconds{10});
  sink.takes = between(duration{0}, seconds{2});
  add(deed::send, milliseconds{10}).request = draw_request();
  auto& disk = add(deed::disk, made_.disk_latency);
  disk.disk = disk_fault::dead;
  disk.lasts = between(duration{1'000}, seconds{1});
  add(deed::kill, milliseconds{100}).loses = power_loss::process;
  if (dice_.one_in(2))
    add(deed::send, seconds{1}).request = draw_request();
  add(deed::kill, seconds{3}).loses = power_loss::rollback;
}

step drawing::draw_step() {
  step s;
  s.gap = dice_.one_in(3) ? duration{0}
                          : between(duration{0}, dice_.one_in(4) ? duration{2'000'000}
                                                                 : duration{20'000});
  auto at = dice_.below(100);
  const auto within = [&](uint64_t percent) {
    if (at < percent)
      return true;
    at -= percent;
    return false;
  };
  if (within(crashes_)) {
    s.what = deed::crash;
    s.path = draw_path();
    if (dice_.one_in(3))
      s.second_path = draw_path();
  } else if (within(kills_)) {
    s.what = deed::kill;
    s.loses = dice_.one_of(
      {power_loss::process, power_loss::rollback, power_loss::torn, power_loss::sectors});
  } else if (within(terminations_)) {
    s.what = deed::terminate;
  } else if (within(disk_)) {
    s.what = deed::disk;
    draw_disk_fault(s);
  } else if (within(sink_)) {
    s.what = deed::sink;
    draw_store_fault(s);
  } else if (within(letters_)) {
    s.what = deed::letters;
    draw_store_fault(s);
  } else if (within(wall_)) {
    s.what = deed::wall;
    s.shift = dice_.one_of(
      {duration{std::chrono::hours{1}}, duration{-std::chrono::hours{2}},
       duration{std::chrono::hours{24 * 400}}, duration{-std::chrono::hours{24 * 400}}});
  } else if (within(reloads_)) {
    s.what = deed::reload;
  } else if (within(2)) {
    s.what = deed::settle;
  } else {
    s.what = deed::send;
    s.request = draw_request();
  }
  return s;
}

void drawing::draw_disk_fault(step& s) {
  s.disk = static_cast<disk_fault>(dice_.below(9));
  s.count = static_cast<uint32_t>(dice_.below(dice_.one_in(3) ? 20 : 4));
  s.lasts = between(duration{1'000}, duration{3'000'000});
  s.takes = between(duration{1'000}, duration{2'000'000});
  s.loses = dice_.one_of({power_loss::rollback, power_loss::torn, power_loss::sectors});
}

void drawing::draw_store_fault(step& s) {
  s.store = static_cast<store_fault>(dice_.below(3));
  s.lasts = between(duration{1'000}, duration{20'000'000});
  s.takes = between(duration{1'000}, duration{1'000'000});
}

std::string drawing::draw_path() {
  if (!crashed_.empty())
    return crashed_[dice_.below(crashed_.size())];
  if (dice_.one_in(60))
    return "root";
  const auto worker = [&] {
    return std::string{"/workers/worker-"}
           + std::to_string(dice_.between(1, made_.workers));
  };
  switch (dice_.below(14)) {
  case 0:
    return "root/registry";
  case 1:
    return "root/persist";
  case 2:
    return "root/persist/partition-0";
  case 3:
  case 4:
    return "root/persist/partition-0/journal";
  case 5:
    return "root/persist/partition-0/sink";
  case 6:
    return "root/dead-letters";
  case 7:
    return "root/gateway";
  case 8:
    return dice_.one_in(2) ? "root/transform" : "root/validate";
  case 9:
    return dice_.one_in(2) ? "root/transform/workers" : "root/validate/workers";
  case 10:
  case 11:
    return dice_.one_in(2) ? "root/transform/stage" : "root/validate/stage";
  default:
    return (dice_.one_in(2) ? "root/transform" : "root/validate") + worker();
  }
}

std::vector<record_kind> drawing::draw_records(bool checked) {
  const auto count = dice_.one_in(5) ? dice_.between(5, 30) : dice_.between(1, 5);
  std::vector<record_kind> records;
  for (uint64_t i = 0; i < count; ++i) {
    auto kind = record_kind::good;
    if (dice_.below(1000) < poison_)
      kind = dice_.below(100) < hanging_ ? record_kind::hangs : record_kind::crashes;
    else if (dice_.one_in(checked ? 8 : 30))
      kind = record_kind::refused;
    else if (checked && dice_.one_in(10))
      kind = record_kind::dropped;
    records.push_back(kind);
  }
  return records;
}

request_plan drawing::draw_request() {
  request_plan r;
  r.number = ++requests_;
  r.checked = dice_.one_in(2);
  r.keyed = dice_.below(100) < keyed_;
  if (r.keyed && dice_.one_in(12) && !keyed_requests_.empty())
    r.key_of = keyed_requests_[dice_.below(keyed_requests_.size())];
  else if (r.keyed)
    keyed_requests_.push_back(r.number);
  r.ack = dice_.one_of({ack_level::durable, ack_level::durable, ack_level::durable,
                        ack_level::stored, ack_level::accepted});
  r.level =
    dice_.one_of({priority::normal, priority::normal, priority::low, priority::high});
  r.as_array = dice_.one_in(3);
  r.records = draw_records(r.checked);
  r.padding = padding_ == 0 ? 0 : static_cast<uint32_t>(dice_.below(padding_));
  if (dice_.one_in(5)) {
    r.pieces = static_cast<uint32_t>(dice_.between(2, 4));
    r.between_pieces = between(duration{0}, duration{500'000});
  }
  r.patience = dice_.one_of({seconds{1}, seconds{20}, seconds{60}});
  if (dice_.one_in(6))
    r.leaves_after = between(duration{0}, duration{30'000});
  if (r.keyed && r.key_of == 0 && r.records.size() > 1 && dice_.one_in(4)) {
    r.grows_from = static_cast<uint32_t>(dice_.between(1, r.records.size() - 1));
    keyed_requests_.pop_back(); // nobody else takes this key
  }
  r.repeats = r.keyed && dice_.one_in(3) ? static_cast<uint32_t>(dice_.between(1, 2)) : 0;
  return r;
}

} // namespace

bool plan::has(deed what) const {
  return std::any_of(steps.begin(), steps.end(),
                     [&](const step& s) { return s.what == what; });
}

bool plan::calm() const {
  if (clustered())
    return false; // slow links and narrow windows are excuse enough
  size_t crashes = 0;
  for (const auto& s : steps) {
    if (s.what == deed::crash && s.path != "root" && s.second_path != "root")
      ++crashes;
    else if (s.what != deed::send && s.what != deed::settle && s.what != deed::wall
             && s.what != deed::reload)
      return false;
    if (std::count(s.request.records.begin(), s.request.records.end(), record_kind::hangs)
        > 0)
      return false;
  }
  return crashes <= 3 && request_timeout >= seconds{10};
}

bool plan::others_do_the_work_of(size_t node) const {
  node_roles others;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (i != node) {
      others.worker = others.worker || nodes[i].roles.worker;
      others.persister = others.persister || nodes[i].roles.persister;
    }
  const auto& its = nodes[node].roles;
  return (others.worker || !its.worker) && (others.persister || !its.persister);
}

bool plan::only_drains() const {
  if (!clustered() || window.batches < 8 || window.bytes < 1'000'000)
    return false; // whoever is left may be full, and says so
  bool settled = false;
  for (const auto& s : steps) {
    if (s.what == deed::settle)
      settled = true;
    else if (s.what == deed::terminate && settled && !nodes[s.node].roles.gateway
             && others_do_the_work_of(s.node))
      settled = false; // until it is back
    else if (s.what != deed::send || (!settled && &s == &steps.front()))
      return false;
  }
  return has(deed::terminate);
}

bool plan::blames_the_innocent() const {
  return std::any_of(steps.begin(), steps.end(), [](const step& s) {
    return s.what == deed::crash
           && (s.path.find("/workers") != std::string::npos
               || s.second_path.find("/workers") != std::string::npos);
  });
}

plan draw_plan(uint64_t seed) {
  return drawing{seed}.draw();
}

} // namespace weir::simulation
