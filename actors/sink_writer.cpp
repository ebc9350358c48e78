#include "actors/sink_writer.hpp"

#include "actors/sink_metrics.hpp"
#include "proto/role_names.hpp"
#include "storage/open_sink.hpp"

namespace weir {

namespace {

class sink_store final : public tail_store {
 public:
  explicit sink_store(sink_writer_config config)
    : config_(std::move(config)), metrics_(*config_.metrics),
      stage_(config_.metrics->stage(role_name::sink)),
      queue_(config_.metrics->queue(role_name::sink)) {}

  result<void> open() override {
    auto opened = config_.open_sink();
    if (!opened)
      return tl::unexpected(opened.error());
    sink_ = std::move(*opened);
    report();
    return {};
  }

  journal_position position() const noexcept override { return sink_->cursor().position; }

  result<void> commit(std::span<const frame_view> frames,
                      journal_position next) override {
    const auto began = config_.clock->now();
    const auto rows = count_new(frames);
    queue_.depth.store(static_cast<int64_t>(rows), std::memory_order_relaxed);
    const auto aside = sink_->set_aside();
    auto stored = sink_->commit(frames, next);
    add(metrics_.set_aside, sink_->set_aside() - aside);
    queue_.depth.store(0, std::memory_order_relaxed);
    if (!stored) {
      report(); // the rows may be stored all the same; the cursor tells
      return stored;
    }
    const std::chrono::duration<double> took = config_.clock->now() - began;
    stage_.latency.observe(took.count());
    add(stage_.records_processed, rows);
    add(metrics_.rows, rows);
    report();
    return {};
  }

  bool wants(bool) const noexcept override { return true; }

  void available(bool yes) noexcept override {
    if (!yes)
      add(stage_.errors);
    metrics_.healthy.store(yes ? 1 : 0, std::memory_order_relaxed);
    config_.health->set(condition::sink_down, !yes);
  }

 private:
  /// Replayed records are not counted again.
  uint64_t count_new(std::span<const frame_view> frames) const noexcept {
    const auto last = sink_->cursor().last_sequence;
    uint64_t rows = 0;
    for (const auto& frame : frames)
      if (frame.first_sequence > last)
        rows += frame.records.size();
    return rows;
  }

  void report() {
    const auto sequence = sink_->cursor().last_sequence;
    metrics_.sequence.store(static_cast<int64_t>(sequence), std::memory_order_relaxed);
    if (config_.on_stored)
      config_.on_stored(sequence);
  }

  sink_writer_config config_;
  sink_metrics metrics_;
  stage_gauge& stage_;
  queue_gauge& queue_;
  std::unique_ptr<sink> sink_;
};

} // namespace

tail_actor::behavior_type
sink_writer(tail_actor::stateful_pointer<sink_writer_state> self,
            sink_writer_config config) {
  auto tailing = config.tail;
  tailing.reader = role_name::sink;
  return tail(self, self->state, std::move(tailing),
              std::make_unique<sink_store>(std::move(config)));
}

} // namespace weir
