// SPDX-License-Identifier: MIT
//
// What the decompression libraries name but never use here. They get memory
// from our allocators (scratch.h) and no files; yet some of their object files
// also hold file functions, compressors and readers of formats from before
// zstd 1.0, and the linker wants an address for each name. All of them lead to
// one place that says so. This also keeps some 110 KiB out of the image.
#include "domain/domain.h"

static no_return void absent(void)
{
	panic("a decompressor called a function that this image lacks");
}

// Called when a library function finds its stack frame overwritten.
no_return void __stack_chk_fail(void);
no_return void __stack_chk_fail(void)
{
	panic("a decompressor overran its stack");
}

#define ABSENT(name) no_return void name(void) __attribute__((alias("absent")))

// libc
ABSENT(__ctype_b_loc);
ABSENT(__fprintf_chk);
ABSENT(calloc);
ABSENT(exit);
ABSENT(fclose);
ABSENT(fdopen);
ABSENT(ferror);
ABSENT(fflush);
ABSENT(fgetc);
ABSENT(fopen64);
ABSENT(fputc);
ABSENT(fread);
ABSENT(free);
ABSENT(fwrite);
ABSENT(malloc);
ABSENT(ungetc);

extern void *stdin, *stdout, *stderr;
void *stdin, *stdout, *stderr;

// bzip2's compressor
ABSENT(BZ2_compressBlock);

// zstd asks a tracer, if there is one, whether to trace: no.
unsigned long long ZSTD_trace_decompress_begin(const void *context);
unsigned long long ZSTD_trace_decompress_begin(const void *context maybe_unused)
{
	return 0;
}
ABSENT(ZSTD_trace_decompress_end);

// zstd's early formats (inflate_zstd.c lets only the present one pass)
ABSENT(ZBUFFv05_createDCtx);
ABSENT(ZBUFFv05_decompressContinue);
ABSENT(ZBUFFv05_decompressInitDictionary);
ABSENT(ZBUFFv05_freeDCtx);
ABSENT(ZBUFFv06_createDCtx);
ABSENT(ZBUFFv06_decompressContinue);
ABSENT(ZBUFFv06_decompressInitDictionary);
ABSENT(ZBUFFv06_freeDCtx);
ABSENT(ZBUFFv07_createDCtx);
ABSENT(ZBUFFv07_decompressContinue);
ABSENT(ZBUFFv07_decompressInitDictionary);
ABSENT(ZBUFFv07_freeDCtx);
ABSENT(ZSTDv05_createDCtx);
ABSENT(ZSTDv05_decompress_usingDict);
ABSENT(ZSTDv05_findFrameSizeInfoLegacy);
ABSENT(ZSTDv05_freeDCtx);
ABSENT(ZSTDv05_getFrameParams);
ABSENT(ZSTDv06_createDCtx);
ABSENT(ZSTDv06_decompress_usingDict);
ABSENT(ZSTDv06_findFrameSizeInfoLegacy);
ABSENT(ZSTDv06_freeDCtx);
ABSENT(ZSTDv06_getFrameParams);
ABSENT(ZSTDv07_createDCtx);
ABSENT(ZSTDv07_decompress_usingDict);
ABSENT(ZSTDv07_findFrameSizeInfoLegacy);
ABSENT(ZSTDv07_freeDCtx);
ABSENT(ZSTDv07_getFrameParams);
