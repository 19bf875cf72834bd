package org.turboesm.job.plot;

import java.util.Objects;

/**
 * What stands over a plot.
 *
 * @param title what is shown
 * @param subtitle of what: the model, the proteins, the settings; empty for none
 */
public record PlotTitle(String title, String subtitle) {
  public PlotTitle {
    Objects.requireNonNull(title, "title");
    Objects.requireNonNull(subtitle, "subtitle");
  }
}
