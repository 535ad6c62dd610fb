// Every table that is reproduced, in the order in which they are printed.

/// The papers' tables.
public enum PaperTables {
  /// All of them.
  public static let all: [PaperTable] =
    DemersTables.all + PushThenPullTable.all + scamp + [
      HyParViewTables.stable,
      HyParViewTables.crash,
      PlumtreeTables.all,
      DetectionTables.detection,
      LoadTables.load,
      LoadTables.falsePositives,
      LifeguardTable.all,
    ] + EnduranceTables.all + [
      ScaleTables.cost,
      ScaleTables.scale,
      ReconciliationTable.all,
      LargeTable.all,
    ]
}
