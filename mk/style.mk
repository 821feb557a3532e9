## make style           formatting, forbidden words, headers that stand alone,
##                      documents that name all operations and options
## make lint            clang-tidy and cppcheck over the hypervisor

.PHONY: style lint
style:
	@tools/style $(B)

lint: $(B)/gen/version.h
	@tools/lint $(B)
