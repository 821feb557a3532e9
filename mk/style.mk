## make style           formatting, forbidden words, headers that stand alone
## make lint            clang-tidy and cppcheck over the hypervisor

.PHONY: style lint
style: $(B)/gen/asm-offsets.h
	@tools/style $(B)

lint: $(B)/gen/asm-offsets.h
	@tools/lint $(B)
