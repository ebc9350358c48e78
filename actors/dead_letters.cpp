#include "actors/dead_letters.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir {

namespace {

class store_target final : public tail_target {
public:
  explicit store_target(dead_letters_config config)
    : config_(std::move(config)), stage_(config_.figures->stage("dead_letters")) {}

  result<journal_position> open() override {
    auto opened = config_.open_store();
    if (!opened)
      return tl::unexpected(opened.error());
    store_ = std::move(*opened);
    return store_->cursor();
  }

  result<void> commit(std::span<const frame_view> frames, journal_position next) override {
    uint64_t letters = 0;
    for (const auto& frame : frames)
      letters += frame.dead_letters.size();
    if (letters == 0)
      return {}; // the cursor may lag: what lies before it is only read again
    if (auto committed = store_->commit(frames, next); !committed)
      return committed;
    add(stage_.records_processed, letters);
    add(config_.figures->dead_letters_stored, letters);
    return {};
  }

  journal_position resume_at() const override { return store_->cursor(); }
  bool wants(const durable_until& news) const override { return news.dead_letters; }
  bool caught_up() const override { return true; } // what is left is found at the next start

  void trouble(std::string_view why) override {
    if (!why.empty()) {
      add(stage_.errors);
      if (!failing_)
        spdlog::warn("dead letters: {}; they wait in the journal and it is tried again", why);
    }
    failing_ = !why.empty();
  }

private:
  dead_letters_config config_;
  stage_gauge& stage_;
  std::unique_ptr<dead_letter_store> store_;
  bool failing_ = false;
};

} // namespace

tail_actor::behavior_type dead_letters(tail_actor::stateful_pointer<tail_state> self,
                                       dead_letters_config config) {
  auto reading = config.tail;
  reading.reader = "dead_letters";
  return tail(self, std::move(reading),
              [config = std::move(config)] { return std::make_unique<store_target>(config); });
}

} // namespace weir
