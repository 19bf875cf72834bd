package org.turboesm.job.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class SweepPlotsTest {
  private static final List<List<Double>> NO_HEAD =
      List.of(List.of(0.0, 0.0), Arrays.asList(null, null));

  @Test
  void oneRowHasItsHeadsAlone() {
    assertThat(files(new SweepRow().row())).containsExactly("heads-default-K3-V3.png");
  }

  @Test
  void twoSizesOfATokenAreACurve() {
    assertThat(files(new SweepRow().row(), new SweepRow().codec("default", 2).row()))
        .containsExactly(
            "rate-distortion.png", "heads-default-K3-V3.png", "heads-default-K2-V2.png");
  }

  @Test
  void headsAreThoseOfTheFirstCodecAndMode() {
    assertThat(
            files(
                new SweepRow().row(),
                new SweepRow().codec("paper", 3).row(),
                new SweepRow().codec("default", 2).decode("0.5").row()))
        .containsExactly("heads-default-K3-V3.png", "positions.png");
  }

  @Test
  void calibrationSizesAreACurveAndOtherPlotsShowTheGreatest() {
    FidelityRow few = new SweepRow().calibration(4, "other proteins").nmse(0.5).row();
    FidelityRow fewTwo =
        new SweepRow().codec("default", 2).calibration(4, "other proteins").nmse(0.6).row();
    FidelityRow many = new SweepRow().row();
    FidelityRow manyTwo = new SweepRow().codec("default", 2).nmse(0.02).row();
    SweepPlots both = draw(few, fewTwo, many, manyTwo);
    SweepPlots greatest = draw(many, manyTwo);

    assertThat(both.pngs().keySet())
        .containsExactly(
            "rate-distortion.png",
            "calibration.png",
            "heads-default-K3-V3.png",
            "heads-default-K2-V2.png");
    greatest
        .pngs()
        .forEach((name, png) -> assertThat(both.pngs().get(name)).as(name).isEqualTo(png));
  }

  @Test
  void positionsOfTheGreatestCalibrationAreDrawn() {
    FidelityRow few =
        new SweepRow()
            .decode("0.5")
            .calibration(4, "other proteins")
            .positions(List.of(new FidelityRow.Position(1, 5, 0.5)))
            .row();
    FidelityRow many = new SweepRow().decode("0.5").row();

    assertThat(draw(few, many).pngs().get("positions.png"))
        .isEqualTo(draw(many).pngs().get("positions.png"));
  }

  @Test
  void rowsOfOneNameAreToldApart() {
    assertThat(
            files(
                new SweepRow().row(),
                new SweepRow().allotment("model").row(),
                new SweepRow().codec("default", 2).calibration(64, "other organisms").row()))
        .containsExactly(
            "rate-distortion.png",
            "heads-default-K3-V3-bits-by-head.png",
            "heads-default-K3-V3-bits-by-model.png",
            "heads-default-K2-V2.png");
    assertThat(
            files(
                new SweepRow().calibration(8, "the same organisms").row(),
                new SweepRow().calibration(8, "other organisms").row()))
        .containsExactly(
            "heads-default-K3-V3-calibrated-on-the-same-organisms.png",
            "heads-default-K3-V3-calibrated-on-other-organisms.png");
  }

  @Test
  void aRowWithoutAnErrorIsLeftOutOfAPlot() {
    SweepPlots plots =
        draw(
            new SweepRow().row(),
            new SweepRow().codec("default", 2).nmse(null).nmseByHead(NO_HEAD).row(),
            new SweepRow().codec("default", 1).nmse(0.0).row());

    assertThat(plots.pngs().keySet())
        .containsExactly(
            "rate-distortion.png", "heads-default-K3-V3.png", "heads-default-K1-V1.png");
    assertThat(plots.leftOut())
        .singleElement()
        .asString()
        .startsWith("heads-default-K2-V2.png is left out: ")
        .contains("nothing to draw: of 4 values");
  }

  @Test
  void aPlotWithoutAnythingToDrawIsLeftOutAndNamed() {
    SweepPlots plots =
        draw(
            new SweepRow().nmse(null).nmseByHead(NO_HEAD).row(),
            new SweepRow().codec("default", 2).nmse(0.0).nmseByHead(NO_HEAD).row(),
            new SweepRow().calibration(4, "other proteins").nmse(null).row(),
            new SweepRow().decode("1.0").nmse(null).positions(List.of()).row());

    assertThat(plots.pngs()).isEmpty();
    assertThat(plots.leftOut())
        .hasSize(5)
        .anyMatch(line -> line.startsWith("rate-distortion.png is left out: "))
        .anyMatch(line -> line.startsWith("calibration.png is left out: "))
        .anyMatch(line -> line.startsWith("positions.png is left out: "));
  }

  private static List<String> files(FidelityRow... rows) {
    SweepPlots plots = draw(rows);
    assertThat(plots.leftOut()).isEmpty();
    assertThat(plots.pngs().values()).allSatisfy(png -> assertThat(png).startsWith(0x89, 'P'));
    return List.copyOf(plots.pngs().keySet());
  }

  private static SweepPlots draw(FidelityRow... rows) {
    return SweepPlots.draw(List.of(rows), SweepRow.MODEL);
  }
}
