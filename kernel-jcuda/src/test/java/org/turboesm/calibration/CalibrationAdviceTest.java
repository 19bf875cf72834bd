package org.turboesm.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;

/** Of heads of 16 channels, for which 64 x 16 = 1,024 tokens are enough. */
class CalibrationAdviceTest {
  private static final HeadCodec HEAD =
      RandomCodec.head(
          new SplittableRandom(1), RandomCodec.uniformBits(16, 2), RandomCodec.uniformBits(16, 2));

  private static Calibration calibration(int proteins, long tokens) {
    return new Calibration(
        CodecSpec.of("default", 2, 2),
        "a1b2",
        Collections.nCopies(proteins, "00ff"),
        tokens,
        new KvCodec(List.of(List.of(HEAD)), true),
        null);
  }

  @Test
  void enoughTokensNeedNoAdvice() {
    assertThat(CalibrationAdvice.of(calibration(1, 2048))).isEmpty();
    assertThat(CalibrationAdvice.of(calibration(1, 2047))).isPresent();
  }

  @Test
  void tooFewTokensSayHowManyProteinsAreEnough() {
    // 2,048 tokens at 300 / 3 a protein are 20.48 proteins.
    assertThat(CalibrationAdvice.of(calibration(3, 300)))
        .hasValue(
            "warning: calibrated on 3 proteins of 300 tokens together, which is few: use 2,048"
                + " tokens or more, about 21 proteins like these");
  }

  @Test
  void fewerTokensThanChannelsSayThatTheRankIsNotFull() {
    assertThat(CalibrationAdvice.of(calibration(1, 16)))
        .hasValueSatisfying(line -> assertThat(line).doesNotContain("full rank"));
    assertThat(CalibrationAdvice.of(calibration(1, 15)))
        .hasValueSatisfying(
            line ->
                assertThat(line)
                    .contains("; covariances of 16 channels are not of full rank", "137 proteins"));
  }
}
