// scratch: lab [-c] [-w] TRAIN... -- TEST...
use hamgate::comment::*; use hamgate::figures::*; use hamgate::model::*; use hamgate::text::Fields;
use std::collections::BTreeMap;
fn load(p:&str)->Vec<LabelledComment>{ std::fs::read_to_string(p).unwrap().lines().filter(|l|!l.trim().is_empty()).map(|l|LabelledComment::from_json(l.as_bytes()).unwrap()).collect() }
fn main(){
  let mut args:Vec<String>=std::env::args().skip(1).collect();
  let content=args.iter().any(|a|a=="-c"); args.retain(|a|a!="-c");
  let save=args.iter().position(|a|a=="-o").map(|i|{args.remove(i);args.remove(i)});
  let cut=args.iter().position(|a|a=="--").unwrap_or(args.len());
  let mut train_rows=vec![]; for p in &args[..cut]{ train_rows.extend(load(p)); }
  train_rows.retain(|r|r.split.as_deref()!=Some("test"));
  let mut test=vec![]; for p in args.iter().skip(cut+1){ test.extend(load(p)); }
  let opt=TrainOptions{fields:if content{Fields::ContentOnly}else{Fields::All},..Default::default()};
  let t=std::time::Instant::now();
  let m=train(train_rows.as_slice(),&opt,About::default()).unwrap();
  let dt=t.elapsed();
  println!("train {} rows {:?} bytes {} codes {:?}", train_rows.len(), dt, m.to_bytes().len(), m.card().views.iter().map(|v|(v.view.clone(),v.occupied)).collect::<Vec<_>>());
  let show=|name:&str,f:&Figures|println!("{name:28} n {:5}/{:5} held/1000 {:6.1} approved/1000 {:6.1} mcc {:.4} auc {:.4} t.5 {:.4} t1 {:.4} ll {:.4} ece {:.3}",f.ham,f.spam,f.ham_held_per_1000().unwrap_or(f64::NAN),f.spam_approved_per_1000().unwrap_or(f64::NAN),f.mcc.unwrap_or(f64::NAN),f.auc.unwrap_or(f64::NAN),f.spam_caught_at_half_percent_held.unwrap_or(f64::NAN),f.spam_caught_at_one_percent_held.unwrap_or(f64::NAN),f.log_loss.unwrap_or(f64::NAN),f.calibration_error.unwrap_or(f64::NAN));
  show("held-out",&m.card().held_out);
  println!("thresholds {:?}",m.thresholds());
  let mut by:BTreeMap<String,Vec<Scored>>=BTreeMap::new();
  for r in &test{ let s=Scored{evidence:m.judge(&r.comment).evidence,label:r.label};
    by.entry("TEST".into()).or_default().push(s); by.entry(r.source.clone()).or_default().push(s); if r.source.starts_with("hamgate"){by.entry(format!("{}{}",r.source,if r.comment.author_url.is_some(){"+url"}else{"-url"})).or_default().push(s);} }
  for (k,v) in &by{ show(k,&Figures::of(v,m.thresholds())); }
  if let Some(o)=save{ m.save(std::path::Path::new(&o)).unwrap(); }
}
