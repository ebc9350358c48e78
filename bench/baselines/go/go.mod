module weir/bench/pipeline

go 1.19
