#include "tests/simulation/stores.hpp"

#include "storage/sink/state.hpp"
#include "tests/simulation/faults.hpp"

namespace weir::simulation {

namespace {

/// What comes before a commit takes effect: it may take time, and fail.
result<void> begin(const store_mood& mood, const store_context& context,
                   std::string_view store) {
  if (mood.slow > duration{0})
    context.owner.wait(mood.slow);
  if (context.owner.over() || mood.away) {
    context.log.note("{}: refuses a commit", store);
    return fail(ec::sink_unavailable, std::string{store} + " is away");
  }
  return {};
}

result<void> end(store_mood& mood, const store_context& context, std::string_view store) {
  if (!std::exchange(mood.doubtful, false))
    return {};
  context.log.note("{}: commits and says it failed", store);
  return fail(ec::sink_unavailable, std::string{store} + " lost the connection");
}

class simulated_sink final : public sink {
 public:
  simulated_sink(sink_contents& contents, uint64_t journal, store_context context)
    : contents_(contents), journal_(journal), own_(contents.journals[journal]),
      context_(context) {}

  sink_cursor cursor() const noexcept override { return own_.cursor; }

  result<std::vector<remembered_key>> keys() override {
    if (seeded(bite::forgets_keys_at_restart))
      return std::vector<remembered_key>{};
    return own_.keys;
  }

  result<void> commit(std::span<const frame_view> frames,
                      journal_position next) override {
    if (auto begun = begin(contents_.mood, context_, "sink"); !begun)
      return begun;
    frames = drop_replayed(frames, own_.cursor);
    const auto behind = cursor_behind(frames, next, own_.cursor);
    for (const auto& frame : frames)
      if (claim(frame))
        store(frame);
    if (seeded(bite::cursor_outside_transaction))
      context_.owner.wait(duration{500});
    own_.cursor = behind;
    context_.log.note("sink: commits up to record {}", behind.last_sequence);
    return end(contents_.mood, context_, "sink");
  }

  result<void> refresh() override { return {}; }

  result<void>
  each_after(uint64_t after,
             const std::function<bool(const stored_record&)>& visit) override {
    for (const auto& row : contents_.rows)
      if (row.journal == journal_ && row.sequence > after
          && !visit({row.sequence, row.stream, 0, row.body, std::nullopt}))
        break;
    return {};
  }

 private:
  /// False: another journal has stored it.
  bool claim(const frame_view& frame) {
    return !contents_.shared || contents_.claimed.insert(frame.key).second
           || seeded(bite::stores_without_claim);
  }

  void store(const frame_view& frame) {
    for (size_t i = 0; i < frame.records.size(); ++i)
      contents_.rows.push_back({journal_, frame.first_sequence + i,
                                std::string{frame.stream}, frame.key,
                                std::string{frame.records[i]}});
    if (!frame.keyed)
      return;
    const auto accepted = static_cast<uint32_t>(frame.records.size());
    own_.keys.push_back({{frame.unstored(), accepted},
                         frame.key,
                         frame.fingerprint,
                         accepted == 0 ? 0 : frame.first_sequence + accepted - 1,
                         frame.received_at_us});
  }

  sink_contents& contents_;
  const uint64_t journal_;
  sink_contents::journal_share& own_;
  store_context context_;
};

class simulated_letters final : public dead_letter_store {
 public:
  simulated_letters(letter_contents& contents, store_context context)
    : contents_(contents), context_(context) {}

  journal_position cursor() const noexcept override { return contents_.cursor; }

  result<void> commit(std::span<const frame_view> frames,
                      journal_position next) override {
    if (auto begun = begin(contents_.mood, context_, "dead letters"); !begun)
      return begun;
    for (const auto& frame : frames)
      if (frame.next > contents_.cursor && !seeded(bite::loses_dead_letters))
        for (const auto& letter : frame.dead_letters)
          contents_.letters.push_back({std::string{frame.stream}, frame.key,
                                       letter.record, letter.code,
                                       std::string{letter.body}});
    contents_.cursor = next;
    context_.log.note("dead letters: {} in all", contents_.letters.size());
    return end(contents_.mood, context_, "dead letters");
  }

  result<std::vector<dead_letter>> list(const dead_letter_query&) override {
    return std::vector<dead_letter>{};
  }
  result<std::optional<dead_letter>> get(uint64_t) override {
    return std::optional<dead_letter>{};
  }
  result<void> mark_replayed(uint64_t, int64_t) override { return {}; }
  result<uint64_t> remove(const dead_letter_choice&) override { return uint64_t{0}; }
  result<uint64_t> count() override { return contents_.letters.size(); }

 private:
  letter_contents& contents_;
  store_context context_;
};

} // namespace

result<std::unique_ptr<sink>>
open_simulated_sink(sink_contents& contents, uint64_t journal, store_context context) {
  if (contents.mood.away || context.owner.over())
    return fail(ec::sink_unavailable, "the sink is away");
  if (seeded(bite::skips_frames_at_replay) && !contents.rows.empty())
    ++contents.journals[journal].cursor.last_sequence;
  return std::make_unique<simulated_sink>(contents, journal, context);
}

result<std::unique_ptr<dead_letter_store>>
open_simulated_letters(letter_contents& contents, store_context context) {
  if (contents.mood.away || context.owner.over())
    return fail(ec::sink_unavailable, "the dead letters are away");
  return std::make_unique<simulated_letters>(contents, context);
}

} // namespace weir::simulation
