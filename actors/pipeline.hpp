// PIPELINE: what the sockets see of the actors, and what the actors see of the sockets.
// It holds no batch: the owners keep theirs until the receipt, so it may be used across
// any restart.
#pragma once

#include "actors/roles.hpp"
#include "proto/ports.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir {

class pipeline final : public pipeline_port {
 public:
  /// `roles` outlives the pipeline; `first_role` is played by the first stage.
  pipeline(const role_table& roles, std::string first_role)
    : roles_(roles), first_role_(std::move(first_role)) {}

  bool submit(batch_ptr batch) noexcept override;
  void attach(std::weak_ptr<receipt_port> owner) override;

  /// Tells every owner that all records up to `sequence` are in the sink. Any thread.
  void stored(uint64_t sequence) noexcept;
  /// Asks every owner to submit again what has no receipt. Any thread.
  void resubmit() noexcept;

 private:
  /// The owners that are alive, to be called without the lock: they may call back.
  std::vector<std::shared_ptr<receipt_port>> owners();

  const role_table& roles_;
  std::string first_role_;
  std::mutex lock_;
  std::vector<std::weak_ptr<receipt_port>> owners_;
};

} // namespace weir
