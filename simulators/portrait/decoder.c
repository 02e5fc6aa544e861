/* SPDX-License-Identifier: Apache-2.0 */
/* The rig's stand-in for a licensed photo decoder, after hal/portrait/rnt_portrait.h. It decodes nothing: a persona's photograph is noise, and
 * the picture is that noise as grey tones. BEHAVIOUR: 0 decodes, 1 crashes, 2 never returns, 3 is not licensed, 4 prints and writes files. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HEADER = 11, WLT = 1024, WIDTH = 102, HEIGHT = 126 };

int rnt_portrait_decode(const unsigned char wlt[WLT], unsigned char rgb[WIDTH * HEIGHT * 3])
{
    if (BEHAVIOUR == 1)
        abort();
    while (BEHAVIOUR == 2)
        pause();
    if (BEHAVIOUR == 3)
        return -5;
    if (BEHAVIOUR == 4) {
        FILE *file = fopen(LEAK, "wb");
        fwrite(wlt, 1, WLT, stdout);
        fwrite(wlt, 1, WLT, stderr);
        fflush(stdout);
        if (file) {
            fwrite(wlt, 1, WLT, file);
            fclose(file);
        }
    }
    for (int at = 0; at < WIDTH * HEIGHT * 3; at++)
        rgb[at] = wlt[HEADER + (at / 3) % (WLT - HEADER)];
    return 1;
}
