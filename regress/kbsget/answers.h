/*
 * Copyright (c) 2026 The kbsd authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

/*
 * What another implementation made: wrapped_key and wrapped_swk are the bytes
 * 0 to 31 wrapped for the key pair, with the SWK 0x40 to 0x5f and the IV 0 to
 * 11.  short_swk has half of that SWK, sha1_swk is OAEP with SHA-1.  The key
 * pair guards nothing else.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

static const char	 answer_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIG/QIBADANBgkqhkiG9w0BAQEFAASCBucwggbjAgEAAoIBgQDvXSZ1FZSeLoM5\n"
    "EUAa3WeuTOmoRkh1tFbuDBf0TLOKBPmPja2X2Jgirbav9iEg8foUBD+6uLFeBsrO\n"
    "pFb8jj5KwOvO36HoYVrl1r/hTpVgU2BuuAKtHmz9YQPwD7yj+Fy1+zmFhTk957LX\n"
    "8YvgTEayJqh5a5s+MQp6HnAAtQ63GAx3mm14EoxD1vUO2ib4WXlnmPIAxQgQpdhE\n"
    "kSlgA54CqSJjJNyJgoDcyOdFPI++tkOEFvX/zK7+HLTtZvlpK6YTiIuFuTBAEdJM\n"
    "nQkQ31Y+/CPpTpVRMY5ASOqC1HsftOQRQJSvatt8MtaFcSVgGvWS01fdx5Aygl7B\n"
    "kLYJK2ZftGTXhz8hAFQ0vxiOM1BGk3GOksvvf30CB14ashPDmq2T0SidyhLPRnwi\n"
    "JJIAntRW+yk9axIs44JpSaNaNLWwMOj3bVLa9z+y3Z54/c+0zT3BntjtrTzMXzsC\n"
    "sm6MGK/s7F1q1JQ5BxYC8BOn+Kf5vO9/KnoO+UGqD4WXxvn1NxECAwEAAQKCAYAw\n"
    "OFk/fA35AdDApdd+sfypkef+VM5TG/XpNbl7pxoCI3ds8nM2pFUdo1Yqw5Av9V9W\n"
    "OfbmtD9S/FZN47B8Z2FoKM44WjfhOv+XTrhP+MdB5PoHw/0SCA+XybwD1/++HpH6\n"
    "vTX8znZWIL+YHhp6IJObXwtQjptzH2kHaetRUSg6PVeBnrQP3Nix7/NlPxBbtpat\n"
    "BpQ2EHtL80UKpx2pMIFb8tuxEmN1NjukfrqMaaNhnZEjYobDNeZI3dqa+sQi6j5C\n"
    "aVxX68L5xUa1MMxrni41P1uOtOhfHtw8VKMRkCla7utlpJ/QaOtEyLM9E3mBpUcQ\n"
    "cFQdXpo9kXYGP6u9yjdFBgBHduqEn0j/hjYcw8hvs4N5BmxstJM/Mpl/uEHC8LIv\n"
    "cwvCQgtWBu+h2Yg0XdlROqZyX1Ks4MBWNM35npbvT7l3Y8xaiAMHrENMh0NXjPuP\n"
    "92ReXL3WkD1bKMW44deJNGzwcg1puYJXw9AavAV8A5ndHQyRbbFFRnoYSmGi7gMC\n"
    "gcEA/p2c/wY4Q1FxJG2XaEoRt5nRNAPRkXR0rilf9GscyALE6SYtgovb9/UlX17U\n"
    "EjBU0FdwLDVsJEmGFczQKFiAGkTWC0AuhgjQPbwRsQ/ND1dPxK1YI9IDwfD+PFZk\n"
    "rzmZVlv7ghHnp7xlKSz8zIVjLN2oOSBKi6SYxCms1VrdTdeAPnMVaJ2gagaM/trY\n"
    "6hx3MmX6LbhBe4PY7ziVO6U0bHKEkv80EDcYTO2ldK89Vbzxyxm0b2RFEpWlHbbj\n"
    "zjEbAoHBAPCqTwknn1+HwqbhlwP3qr78ASHPc2KuJxx3LXC69t/PZQTBF6BEip5P\n"
    "0kqAcWmNRPs7UKY5LRkJtPM0cu74SGQbHfT70j7Y9rrZdgxOvUBKhqCCgTiLVoba\n"
    "64zExRL0cVH6Uzu8jwNQKIFnTvlTkgyEQmBGON/0jnkJ0NXfNx4DziuUG1UzDcRF\n"
    "2uhAsRtUDxICqHsyanbymEYZ+duapwDFvN2NxSX0M3mRJ7JH6NnnO2YoOJG98dwc\n"
    "4jd8n/3nQwKBwC5GaQ00jS828xBC1ry+kX/D9fC1LPZ5qucoX+clPILhdfZF2Qmb\n"
    "76ueI1+09Wgk3pVK/vkZ8ICb2EHICqD6jLW5gwlibdIwceB2eOSsUYGTRc0iEB3a\n"
    "gpJSAXLn5L6wAj1e1FQseuTSabRVF9D4ATFbS8KuKr48eQNV67KPJB+MpiMzeVWd\n"
    "KFV8wU1kav4JlGRVgmWi0kvnh5ratsyzVtbK7Wtl9Ilp6gG5Q1P0sXoOsAdQsal5\n"
    "GNCq3+qJndeQtwKBwHTFvhmsDwl0Pv9oIDU9m6yVbBsypELyS2nlbbfwD89iuxpG\n"
    "cqdB+px8EIYzslPLxve7vRMaVQZ8Dj+faFEJSV7BRZTUBxyVe4oH795i6jLitlX1\n"
    "XKvJ+A7w9C/WXeUnlEB5nJ80i5PI9g5ryQbzBL9sASTjjb8k02hpWdocN4spv4Sn\n"
    "lWeOoRRl7KSalxSygal0frlgKgZTCY2iFvj2HigiydQacNlMlxlaVA+OEq6AIvMb\n"
    "eu9EYbEylpTjtGGnLwKBwQCJhavgXxjq2RMp4N/Lor6oB6jMgY2sO1BcQoo8L9Ey\n"
    "r1Ze2sODpdbAmXkBeUY8gLvzWPnPVKHWPeKYh7HPXlxgqkFFqmtn2658uSJwNh2I\n"
    "MotSWkvXVZhhywxzl4me54CRtDHanTBF33Hz5Fpk6NuRMSVufig81uETPNxguefa\n"
    "VL3sCNYfyNLoqJ+EwHum2sldZ5BEoiWDq3SY4gx90cU2A6T64RBTcpJ32QgBRyP8\n"
    "MJaEKCJOxFRMqcw+Lg1XSlo=\n"
    "-----END PRIVATE KEY-----\n";
static const char	 answer_wrapped_key[] =
    "DAAAABAAAAAwAAAAAAECAwQFBgcICQoLOgRue3OJQqfKG4rJtODCtJPVPxp4"
    "WbtE9jnyjV2sd0FDPqltL4heuJrXScoZguIJ";
static const char	 answer_wrapped_swk[] =
    "j2kWO11WGbMK9+1lo7nstnS/oryfCLe+NC/O+3f2vtV1JHa5eHz999J/PLQD"
    "MyzUFfsqatBWtd8M1q4K0Q6M3mFFUbf+9N64VHbNP13Nf8k1fGRn7kL/77aJ"
    "OxI2fIoNt4fO7MoEeBWrgHecwxMiyTDp/YXeXXtiQtdW7/Z7NIkDlqJyZEWI"
    "auAKVdNRHIWZqkEd4eRQ7Z2tGc2n5q/TZBMAJU767+fOPVoDOAew91BvMZdp"
    "nXDYSmV7uSHniTeDLRFUgr/HGAIrZ5wTucCTUmJ65OTIlRDpKKsTkc+bTAhH"
    "Yia1pHLnj23yFkKuM1gHf09d3ZGAaBxG+Q6SFhruDHAxnO8ow6HZDFFMx5AL"
    "wWLIcKIO2bg/k1O0rQPsGReq97IzirNJMSPnl9XukPoR1rT5kSadi8gO2+Oc"
    "+Tzme1Xbriu8PdD+8xqTvVy1cJawKRHsqypPJdznCrHFBAJVwBHJ/hCgZ41R"
    "3XArld2OcL+XhIhzjKuLU8wL0yoGZ7t/";
static const char	 answer_short_swk[] =
    "rAYUpsnRW2O5TbPpipJlPppDXGvtW6MeMYIaqFB5GsZxX5yXHRkdiznSIQl6"
    "Orh334FOZvEbcLRVPb6gvJVBvPSlH2f7iWiawJ8G6tM0s92vqsFraW9gJkpC"
    "wXfu88Faq4DI8tCc116NI1jieNxGxEbIq6LDycspi2O4ped7awlSFwH21yyQ"
    "LXI7oew8LvjyY4I1ykwKk1dwXv0AvCndlVEqdiiNv/t7kvwGd6F+BcaqqV6o"
    "X5U4ggeuXS5mrogR4C7zF+NQo14VentCKzQC363qQOQaCeGf2VDagVPPAgQt"
    "G5NCBOeYQwhJvAdftX+IAARIl7ykB/z3yg0zOC3xqzhGSuCXjUN8hpVJp2N0"
    "xlu8pJcfzIHR1vrvU0tbzjYQELdN3C5vayvRozhIMfCeMLvrrcj8i5Xo0hLZ"
    "PBCzWokKgUh1zYAKA+nQEUx6JeOM0FonUQgbnLfPtnlNWwDJsJ1CtAehyJa7"
    "aTLJtBq6w5qpLMQktu+ehSVDrZN59Iaq";
static const char	 answer_sha1_swk[] =
    "AMnqIZX57Tjzz42qxjDJso/WhQVtXeD9bTvzPZh3l/EqjemaKLkJt8Tx4PeP"
    "P9HpO8v8A5I/OW6kosnjjPppB6i5ZXCSCyuyOs1bXEOuU3OUyrbwbmvASi/5"
    "gfmJGNQXCmZVNYFy8RU9AU3YhbjHXfPO6Vy/WjDLiQjp26uhDABjyIuvR/wH"
    "N4GeKAC1YkhL6CTxXn5Rk1kULSQ8RTshAC7kfSyeAkXDdwMISQXTfmabKg89"
    "QRzpEKwYe+xJtSgz7xRkFVYuMlhWRucwQ0njWd9ESxVJ7CS5sHYP8v4Tyhko"
    "evQrTge2c6B+6a6AO+dDyo4PT1Q5GDcrUj9XiSXF6dxLtxYUlI1Vp1pvAxmH"
    "CzUo/WpW+X8bsPrOiT+EPxSzk9gETWdSwEy3VarQ30uWAfP1zFnNxoMLWtHD"
    "zbQJCb2hYwUwxj1uB29tTu0Gl4NaS2HN44BUw0bTta4gswAX+kiXQHY6aRVr"
    "QULxCZsS+Wd6yQ5s75KANULn9bDJtt3O";

#endif
