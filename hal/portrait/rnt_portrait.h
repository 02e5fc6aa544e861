/* SPDX-License-Identifier: Apache-2.0 */
/* What a photo decoder offers to the terminal. An adapter around a licensed library exports this one function. */
#ifndef RNT_PORTRAIT_H
#define RNT_PORTRAIT_H

#define RNT_PORTRAIT_WLT_BYTES 1024
#define RNT_PORTRAIT_WIDTH 102
#define RNT_PORTRAIT_HEIGHT 126
#define RNT_PORTRAIT_RGB_BYTES (RNT_PORTRAIT_WIDTH * RNT_PORTRAIT_HEIGHT * 3)

/* Decode `wlt` into `rgb`: rows from the top, three bytes a pixel, red first. Returns 1 when it did, anything else when it did not.
 * Called once in a process that has no output, cannot make a file grow, and is ended afterwards. */
int rnt_portrait_decode(const unsigned char wlt[RNT_PORTRAIT_WLT_BYTES], unsigned char rgb[RNT_PORTRAIT_RGB_BYTES]);

#endif
