/* SPDX-License-Identifier: MIT
 *
 * jxl_kit.h -- an image that is the same each time, through libjxl and back, with any runner.
 */
#ifndef TESTS_JXL_KIT_H
#define TESTS_JXL_KIT_H

#include <jxl/decode.h>
#include <jxl/encode.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* side * side pixels of three bytes: waves with some noise, so that it can be compressed, but takes work. Free it. */
static inline uint8_t *jxl_kit_image(uint32_t side)
{
	uint8_t *pixels = malloc((size_t)side * side * 3);
	uint32_t random = 1;

	for (size_t i = 0; pixels && i < (size_t)side * side; i++) {
		size_t x = i % side, y = i / side;

		random = random * 1664525 + 1013904223;
		pixels[3 * i] = (uint8_t)(x * x / 64 + (random >> 30));
		pixels[3 * i + 1] = (uint8_t)(y * x / 128 + (random >> 28 & 3));
		pixels[3 * i + 2] = (uint8_t)(y + x + (random >> 26 & 3));
	}
	return pixels;
}

static const JxlPixelFormat jxl_kit_format = {3, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};

static inline bool jxl_kit_describe(JxlEncoder *e, uint32_t side)
{
	JxlBasicInfo info;
	JxlColorEncoding color;

	JxlEncoderInitBasicInfo(&info);
	info.xsize = info.ysize = side;
	info.bits_per_sample = 8;
	info.uses_original_profile = JXL_TRUE;
	JxlColorEncodingSetToSRGB(&color, JXL_FALSE);
	return JxlEncoderSetBasicInfo(e, &info) == JXL_ENC_SUCCESS &&
	       JxlEncoderSetColorEncoding(e, &color) == JXL_ENC_SUCCESS;
}

/* Without loss. Returns the bytes written, 0: it failed. */
static inline size_t jxl_kit_encode(const uint8_t *pixels, uint32_t side, JxlParallelRunner runner,
				    void *opaque, uint8_t *out, size_t out_size)
{
	JxlEncoder *e = JxlEncoderCreate(NULL);
	JxlEncoderFrameSettings *s = e ? JxlEncoderFrameSettingsCreate(e, NULL) : NULL;
	size_t left = out_size;
	bool ok = s && (!runner || JxlEncoderSetParallelRunner(e, runner, opaque) == JXL_ENC_SUCCESS) &&
		  jxl_kit_describe(e, side) && JxlEncoderSetFrameLossless(s, JXL_TRUE) == JXL_ENC_SUCCESS &&
		  JxlEncoderFrameSettingsSetOption(s, JXL_ENC_FRAME_SETTING_EFFORT, 3) == JXL_ENC_SUCCESS &&
		  JxlEncoderAddImageFrame(s, &jxl_kit_format, pixels, (size_t)side * side * 3) ==
			  JXL_ENC_SUCCESS;

	if (ok) {
		JxlEncoderCloseInput(e);
		ok = JxlEncoderProcessOutput(e, &out, &left) == JXL_ENC_SUCCESS;
	}
	if (e)
		JxlEncoderDestroy(e);
	return ok ? out_size - left : 0;
}

static inline bool jxl_kit_decode(const uint8_t *in, size_t size, uint32_t side, JxlParallelRunner runner,
				  void *opaque, uint8_t *pixels)
{
	JxlDecoder *d = JxlDecoderCreate(NULL);
	JxlDecoderStatus status = JXL_DEC_ERROR;

	if (d && (!runner || JxlDecoderSetParallelRunner(d, runner, opaque) == JXL_DEC_SUCCESS) &&
	    JxlDecoderSubscribeEvents(d, JXL_DEC_FULL_IMAGE) == JXL_DEC_SUCCESS &&
	    JxlDecoderSetInput(d, in, size) == JXL_DEC_SUCCESS) {
		JxlDecoderCloseInput(d);
		while ((status = JxlDecoderProcessInput(d)) == JXL_DEC_NEED_IMAGE_OUT_BUFFER)
			if (JxlDecoderSetImageOutBuffer(d, &jxl_kit_format, pixels, (size_t)side * side * 3))
				break;
	}
	if (d)
		JxlDecoderDestroy(d);
	return status == JXL_DEC_FULL_IMAGE;
}

#endif
