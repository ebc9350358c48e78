#include "actors/sink_writer.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace weir {

namespace {

class sink_target final : public tail_target {
public:
  explicit sink_target(sink_writer_config config)
    : config_(std::move(config)), stage_(config_.figures->stage("sink")) {}

  result<journal_position> open() override {
    auto opened = config_.open_sink();
    if (!opened)
      return tl::unexpected(opened.error());
    sink_ = std::move(*opened);
    tell();
    return sink_->cursor().position;
  }

  result<void> commit(std::span<const frame_view> frames, journal_position next) override {
    const auto begin = config_.clock->now();
    if (auto committed = sink_->commit(frames, next); !committed)
      return committed;
    uint64_t rows = 0;
    for (const auto& frame : frames)
      rows += frame.records.size();
    add(stage_.records_processed, rows);
    add(config_.figures->sink_rows, rows);
    stage_.latency.observe(std::chrono::duration<double>(config_.clock->now() - begin).count());
    tell();
    return {};
  }

  journal_position resume_at() const override { return sink_->cursor().position; }
  bool wants(const durable_until&) const override { return true; }

  bool caught_up() const override {
    return config_.figures->sink_sequence.load() >= config_.figures->journal_sequence.load();
  }

  void trouble(std::string_view why) override {
    const bool healthy = why.empty();
    config_.health->set(condition::sink_down, !healthy);
    config_.figures->sink_healthy = healthy ? 1 : 0;
    if (!healthy) {
      add(stage_.errors);
      if (!failing_)
        spdlog::warn("sink: {}; records wait in the journal and it is tried again", why);
    } else if (failing_) {
      spdlog::info("sink: it takes records again");
    }
    failing_ = !healthy;
  }

private:
  void tell() {
    const auto sequence = sink_->cursor().last_sequence;
    config_.figures->sink_sequence = static_cast<int64_t>(sequence);
    if (config_.on_stored)
      config_.on_stored(sequence);
  }

  sink_writer_config config_;
  stage_gauge& stage_;
  std::unique_ptr<sink> sink_;
  bool failing_ = false;
};

} // namespace

tail_actor::behavior_type sink_writer(tail_actor::stateful_pointer<tail_state> self,
                                      sink_writer_config config) {
  auto reading = config.tail;
  reading.reader = "sink";
  return tail(self, std::move(reading),
              [config = std::move(config)] { return std::make_unique<sink_target>(config); });
}

} // namespace weir
