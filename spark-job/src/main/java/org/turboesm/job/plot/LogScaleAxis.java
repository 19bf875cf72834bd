package org.turboesm.job.plot;

import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.font.TextAttribute;
import java.awt.geom.Rectangle2D;
import java.text.AttributedString;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jfree.chart.axis.AxisState;
import org.jfree.chart.axis.LogTick;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTick;
import org.jfree.chart.axis.TickType;
import org.jfree.chart.axis.ValueTick;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.TextAnchor;

/** A linear axis of logarithms that carries the ticks of a {@link LogScale}. */
final class LogScaleAxis extends NumberAxis {
  private static final long serialVersionUID = 1L;

  /** Charts are serializable by their library's contract; none of ours is ever serialized. */
  private final transient LogScale scale;

  LogScaleAxis(String label, LogScale scale) {
    super(label);
    this.scale = scale;
    setRange(scale.lower(), scale.upper());
  }

  @Override
  public List<ValueTick> refreshTicks(
      Graphics2D graphics, AxisState state, Rectangle2D dataArea, RectangleEdge edge) {
    TextAnchor anchor = anchor(edge);
    List<ValueTick> ticks = new ArrayList<>();
    for (LogScale.Tick tick : scale.ticks()) {
      if (!tick.labelled()) {
        ticks.add(
            new NumberTick(TickType.MINOR, tick.position(), "", anchor, TextAnchor.CENTER, 0));
      } else if (tick.exponent().isEmpty()) {
        ticks.add(
            new NumberTick(
                TickType.MAJOR, tick.position(), tick.label(), anchor, TextAnchor.CENTER, 0));
      } else {
        ticks.add(new LogTick(TickType.MAJOR, tick.position(), raised(tick), anchor));
      }
    }
    return ticks;
  }

  private AttributedString raised(LogScale.Tick tick) {
    AttributedString text = new AttributedString(tick.label() + tick.exponent());
    Font font = getTickLabelFont();
    text.addAttribute(TextAttribute.FONT, font);
    text.addAttribute(
        TextAttribute.FONT,
        font.deriveFont(Map.of(TextAttribute.SUPERSCRIPT, TextAttribute.SUPERSCRIPT_SUPER)),
        tick.label().length(),
        tick.label().length() + tick.exponent().length());
    return text;
  }

  private static TextAnchor anchor(RectangleEdge edge) {
    if (edge == RectangleEdge.LEFT) {
      return TextAnchor.CENTER_RIGHT;
    }
    if (edge == RectangleEdge.RIGHT) {
      return TextAnchor.CENTER_LEFT;
    }
    return edge == RectangleEdge.TOP ? TextAnchor.BOTTOM_CENTER : TextAnchor.TOP_CENTER;
  }

  @Override
  public boolean equals(Object other) {
    return super.equals(other) && other instanceof LogScaleAxis axis && axis.scale.equals(scale);
  }

  @Override
  public int hashCode() {
    return 31 * super.hashCode() + scale.hashCode();
  }
}
