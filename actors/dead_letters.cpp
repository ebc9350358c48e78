#include "actors/dead_letters.hpp"

#include "proto/role_names.hpp"

namespace weir {

namespace {

class letter_store final : public tail_store {
 public:
  explicit letter_store(dead_letters_config config)
    : config_(std::move(config)), metrics_{*config_.metrics},
      stage_(config_.metrics->stage(role_name::dead_letters)),
      queue_(config_.metrics->queue(role_name::dead_letters)) {}

  result<void> open() override {
    auto opened = config_.open_store();
    if (!opened)
      return tl::unexpected(opened.error());
    store_ = std::move(*opened);
    report();
    return {};
  }

  journal_position position() const noexcept override { return store_->cursor(); }

  result<void> commit(std::span<const frame_view> frames,
                      journal_position next) override {
    const auto began = config_.clock->now();
    uint64_t letters = 0;
    // Frames before the store's cursor come again after a restart; they are not counted twice.
    for (const auto& frame : frames)
      if (frame.next > store_->cursor())
        letters += frame.dead_letters.size();
    auto stored = store_->commit(frames, next);
    if (!stored)
      return stored;
    const std::chrono::duration<double> took = config_.clock->now() - began;
    stage_.latency.observe(took.count());
    add(stage_.records_processed, letters);
    add(metrics_.stored, letters);
    report();
    return {};
  }

  bool wants(bool dead_letters) const noexcept override { return dead_letters; }

  void available(bool yes) noexcept override {
    if (!yes)
      add(stage_.errors);
    if (config_.health != nullptr)
      config_.health->set(condition::letters_down, !yes);
  }

 private:
  void report() {
    if (const auto kept = store_->count(); kept)
      queue_.depth.store(static_cast<int64_t>(*kept), std::memory_order_relaxed);
  }

  dead_letters_config config_;
  dead_letter_metrics metrics_;
  stage_gauge& stage_;
  queue_gauge& queue_;
  std::unique_ptr<dead_letter_store> store_;
};

} // namespace

tail_actor::behavior_type
dead_letters(tail_actor::stateful_pointer<dead_letters_state> self,
             dead_letters_config config) {
  auto tailing = config.tail;
  tailing.reader = role_name::dead_letters;
  return tail(self, self->state, std::move(tailing),
              std::make_unique<letter_store>(std::move(config)));
}

} // namespace weir
